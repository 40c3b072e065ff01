// The contrasts of the tokens, computed as WCAG 2.2 says (success criteria 1.4.3
// and 1.4.11), in light and in dark.

import { describe, expect, it } from 'vitest';
import css from './tokens.css?raw';

type Colour = [r: number, g: number, b: number]; // linear light, 0 to 1

const linear = (c: number) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);

function token(name: string, theme: 'light' | 'dark'): string {
  const value = new RegExp(`^  --${name}: (.*?);`, 'm').exec(css)?.[1];
  if (!value) throw new Error(`no token --${name}`);
  const both = /^light-dark\((.*), (.*)\)$/.exec(value);
  return (both ? both[theme === 'light' ? 1 : 2] : value)!;
}

function hex(value: string): Colour {
  if (!/^#[0-9a-f]{6}$/.test(value)) throw new Error(`${value} is no colour`);
  return [1, 3, 5].map((i) => linear(parseInt(value.slice(i, i + 2), 16) / 255)) as Colour;
}

/** oklch converts as CSS Color 4 does, section 9.3 and 18. */
function oklch(l: number, c: number, hue: number): Colour {
  const [a, b] = [c * Math.cos((hue * Math.PI) / 180), c * Math.sin((hue * Math.PI) / 180)];
  const [L, M, S] = [
    (l + 0.3963377774 * a + 0.2158037573 * b) ** 3,
    (l - 0.1055613458 * a - 0.0638541728 * b) ** 3,
    (l - 0.0894841775 * a - 1.291485548 * b) ** 3,
  ];
  return [
    4.0767416621 * L - 3.3077115913 * M + 0.2309699292 * S,
    -1.2684380046 * L + 2.6097574011 * M - 0.3413193965 * S,
    -0.0041960863 * L - 0.7034186147 * M + 1.707614701 * S,
  ];
}

const luminance = ([r, g, b]: Colour) => 0.2126 * r + 0.7152 * g + 0.0722 * b;

function contrast(a: Colour, b: Colour): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

const grounds = ['paper', 'surface', 'sunk'];
const text: [string, string[]][] = [
  ['ink', [...grounds, 'accent-soft', 'danger-soft', 'warn-soft']],
  ['soft', grounds],
  ['accent', [...grounds, 'accent-soft']],
  ['danger', [...grounds, 'danger-soft']],
  ['warn', [...grounds, 'warn-soft']],
  ['on-accent', ['accent']],
  ['on-danger', ['danger']],
];

describe.each(['light', 'dark'] as const)('%s', (theme) => {
  it.each(text.flatMap(([ink, on]) => on.map((ground) => [ink, ground] as const)))('%s on %s can be read', (ink, ground) => {
    expect(contrast(hex(token(ink, theme)), hex(token(ground, theme)))).toBeGreaterThanOrEqual(4.5);
  });

  it.each(grounds)('what can be pressed stands out from %s', (ground) => {
    expect(contrast(hex(token('edge', theme)), hex(token(ground, theme)))).toBeGreaterThanOrEqual(3);
  });

  it('initials can be read on every colour that a key can have', () => {
    const [l, c] = [Number(token('person-light', theme)), Number(token('person-chroma', theme))];
    for (let hue = 0; hue < 360; hue++) {
      const colour = oklch(l, c, hue);
      for (const part of colour) expect(part, `hue ${hue} is within sRGB`).toBeGreaterThan(-0.001);
      for (const part of colour) expect(part, `hue ${hue} is within sRGB`).toBeLessThan(1.001);
      expect(contrast(colour, hex(token('on-person', theme))), `hue ${hue}`).toBeGreaterThanOrEqual(4.5);
    }
  });
});
