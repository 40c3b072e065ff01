// The verdict over a run of node's tests, as .ci/verdict.go gives it over Go's: prints what
// a person wants to read, and makes the run fail when nothing ran, and, with STRICT=1 in
// the environment, when a test was skipped. Its last line is "N passed, N failed, N skipped".
//
// node --test --test-reporter=./lib/verdict.js

const seconds = (ms) => `${(ms / 1000).toFixed(1)}s`;

/** The message of an error and of what caused it, without the runner's own lines. */
function reason(error) {
  const cause = error.cause ?? error;
  return cause.stack ?? String(cause);
}

export default async function* verdict(events) {
  let passed = 0, failed = 0, skipped = 0;
  for await (const { type, data } of events) {
    const counts = data?.details?.type !== "suite";
    switch (type) {
      case "test:pass":
        if (!counts || data.name === data.file) break; // a file without tests is none
        if (data.skip !== undefined || data.todo !== undefined) {
          skipped++;
          yield `skipped: ${data.name}: ${data.skip ?? data.todo}\n`;
        } else {
          passed++;
          yield `ok    ${data.name}  ${seconds(data.details.duration_ms)}\n`;
        }
        break;
      case "test:fail":
        if (counts) failed++;
        yield `FAIL  ${data.name}  ${seconds(data.details.duration_ms)}\n${reason(data.details.error)}\n`;
        break;
      case "test:diagnostic":
        if (data.file) yield `      ${data.message.trimEnd()}\n`;
        break;
      case "test:stdout":
      case "test:stderr":
        yield data.message;
    }
  }
  if (passed === 0) yield "verdict: no test ran\n";
  const strict = process.env.STRICT === "1" && skipped > 0;
  if (strict) yield "verdict: tests were skipped that must run\n";
  if (passed === 0 || failed > 0 || strict) process.exitCode = 1;
  yield `${passed} passed, ${failed} failed, ${skipped} skipped\n`;
}
