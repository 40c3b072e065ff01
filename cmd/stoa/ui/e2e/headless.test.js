// A machine without display, sound or desktop, as somebody reaches it by ssh: `make run`
// prints an address, and what `ssh -L` brings here is the whole page.

import { Mouse } from "./lib/hands.js";
import { end, printed, root, start } from "./lib/programs.js";
import { noTunnel, throughSSH } from "./lib/tunnel.js";
import { story } from "./lib/world.js";

/** What such a machine does not have; and what make tells its children, of whom this is none. */
const absent = /^(DISPLAY|WAYLAND_DISPLAY|BROWSER|XDG_|DBUS_|PULSE_|PIPEWIRE_|MAKE|MFLAGS)/;
const bare = Object.fromEntries(Object.entries(process.env).filter(([name]) => !absent.test(name)));

const network = "--bootstrap none --listen /ip4/127.0.0.1/udp/0/quic-v1";

story("a machine without display or sound, through ssh -L", async (world) => {
  const stoa = start("make", ["-s", "-C", root, "run", `ARGS=--home ${world.home("remote")} ${network}`], {
    env: bare,
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const [, address, port] = await printed(stoa.stdout, /(http:\/\/127\.0\.0\.1:(\d+)\/#enter=\S+)[^]*ssh -L \2:127\.0\.0\.1:\2 /);
    await throughSSH(Number(port), async (here) => {
      const page = await world.page({ name: "remote" }, { address: address.replace(`:${port}/`, `:${here}/`) });
      const hands = new Mouse(page.tab);
      await hands.type(page.field("welcome.name"), "Ann");
      await hands.press(page.button("welcome.begin"));
      await hands.press(page.button("hall.open"));
      await hands.type(page.field("open.name"), "From far away");
      await hands.press(page.button("open.go"));
      await page.tab.getByRole("heading", { name: "From far away" }).waitFor();
    });
  } finally {
    end(stoa);
  }
}, { skip: noTunnel });
