// A QR code as the outline of an SVG.

/**
 * outline returns one path of all dark modules of the code, whose rows the verb
 * `qr` gives as text of 0 and 1, one module a unit wide. Neighbours in a row
 * become one rectangle: a third of the text, and no seams between them.
 */
export function outline(rows: string[]): string {
  let path = '';
  rows.forEach((row, y) => {
    for (const run of row.matchAll(/1+/g)) {
      const width = run[0].length;
      path += `M${run.index} ${y}h${width}v1h-${width}z`;
    }
  });
  return path;
}
