// What the instrument logs, what it is, and a copy of all that a player has made.
import { make, say } from "./dom.js";

export function log(sheet, instrument, notice) {
  const about = make("p", { className: "quiet words" });
  const lines = make("pre", { tabIndex: 0, "aria-label": "Log, the newest last" });
  const file = make("input", { type: "file", hidden: true, accept: "application/json,.json" });
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    file.value = "";
    if (!chosen) return;
    const answer = await fetch("restore", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: chosen,
    }).catch(() => null);
    const said = (await answer?.json().catch(() => null)) ?? {};
    notice(said.error ?? said.said ?? "The instrument did not answer; nothing is known to have changed. Try again.");
  });
  const restore = make("button", { type: "button", onclick: () => file.click() }, "Restore a backup");
  const leave = make(
    "button",
    {
      type: "button",
      onclick: async () => {
        await fetch("logout", { method: "POST" }).catch(() => null);
        notice("Every page is logged out; the terminal shows a new address.");
      },
    },
    "Log out all pages",
  );
  sheet.append(
    make(
      "div",
      { className: "row" },
      make("a", { href: "backup", download: "tombola-backup.json", className: "button" }, "Save a backup"),
      restore,
      file,
      leave,
    ),
    make("p", { className: "quiet" }, "A backup has scenes, settings and the calibration."),
    about,
    lines,
  );
  return {
    refresh: (state) => {
      say(
        about,
        [...state.about, state.doing, state.clients > 1 ? `${state.clients} pages are open` : ""]
          .filter(Boolean)
          .join("\n"),
      );
      const text = state.log.join("\n");
      if (lines.textContent === text) return;
      const at_end = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 4;
      say(lines, text);
      if (at_end) lines.scrollTop = lines.scrollHeight;
    },
  };
}
