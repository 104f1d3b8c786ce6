// Puts what the server sends in the place of what it replaces, and says so when nothing comes any more.
"use strict";
(() => {
  const silence = 20_000, again = 30_000; // milliseconds
  const said = document.getElementById("stream");
  const parts = [...document.querySelectorAll("[data-live]")];
  const waiting = new Map();
  let source = null, watchdog = 0;

  function say(state, text) {
    document.documentElement.dataset.stream = state;
    if (said.textContent !== text) said.textContent = text;
  }

  function stale() {
    say("stale", "The connection is lost: these figures are old.");
  }

  function isBeingSelected(part) {
    const selection = getSelection();
    return !selection.isCollapsed && part.contains(selection.anchorNode);
  }

  // what was unfolded stays so, and what had the focus keeps it
  function replace(part, html) {
    const open = [...part.querySelectorAll("details[open]")].map((details) => details.id);
    const focus = part.contains(document.activeElement) ? document.activeElement.id : "";
    part.innerHTML = html;
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  }

  function bring() {
    for (const [part, html] of waiting) {
      if (isBeingSelected(part)) continue;
      waiting.delete(part);
      replace(part, html);
    }
  }

  function live() {
    clearTimeout(watchdog);
    watchdog = setTimeout(stale, silence);
    say("live", "Live.");
  }

  function listen() {
    stop();
    source = new EventSource("/status/events");
    for (const part of parts) {
      source.addEventListener(part.id, (event) => {
        live();
        waiting.set(part, event.data);
        bring();
      });
    }
    source.addEventListener("error", () => {
      stale();
      // a browser tries again by itself, but not after a refusal
      if (source.readyState === EventSource.CLOSED) watchdog = setTimeout(listen, again);
    });
  }

  function stop() {
    clearTimeout(watchdog);
    source?.close();
  }

  // a tab that nobody sees holds no place
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) stop();
    else listen();
  });
  addEventListener("pagehide", stop);
  if (!document.hidden) listen();
})();
