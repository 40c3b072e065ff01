// The listener at the far end: recognises real speech in what a node plays.

import { join } from "node:path";
import { built, root, run } from "./programs.js";

const program = built("heard");

/** The path of what somebody says, of "a" to "j": each another text. */
export const clip = (letter) => join(root, "cmd/stoa/testdata/speech", `${letter}.wav`);

/** Waits until a clip is recognised in what is recorded from now on. */
export const hears = (recording, letter) => run(program, [recording, clip(letter)]);

/** Waits until there is nothing to hear for two seconds, from now on. */
export const fallsSilent = (recording) => run(program, [recording]);
