// Comforts; every page works without them. Copy buttons, names judged while typing, and parts of an open page that
// follow what happens.
"use strict";

(() => {
  const calm = 30000; // ms, after a look that failed

  const say = (button, words) => {
    button.textContent = words;
    button.setAttribute("aria-live", "polite");
  };

  const reveal = (root) => {
    for (const button of root.querySelectorAll("button[data-copy]")) button.hidden = !navigator.clipboard;
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      say(button, "Copied");
    } catch {
      getSelection().selectAllChildren(source);
      say(button, "Selected");
    }
  });

  // A second click on the same button is the same click: of two answers, a browser shows the later one, which says less.
  const twice = 1000; // ms

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, twice);
  });

  // Each part is replaced when its own tag changed, but never under somebody's hands.
  const busy = (part) => part.contains(document.activeElement) && document.activeElement !== document.body;

  const take = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const main = fresh.querySelector("main[data-poll]");
    if (!main) return false;
    for (const part of document.querySelectorAll("[data-part]")) {
      const other = fresh.getElementById(part.id);
      if (!other || busy(part) || part.dataset.part === other.dataset.part) continue;
      const opened = [...part.querySelectorAll("details[open]")].map((one) => one.id);
      part.replaceChildren(...document.importNode(other, true).childNodes); // the region stays, so readers hear it
      part.className = other.className;
      part.hidden = other.hidden;
      part.dataset.part = other.dataset.part;
      for (const one of part.querySelectorAll("details")) one.open ||= opened.includes(one.id);
      reveal(part);
    }
    return main.dataset.poll;
  };

  const follow = (main) => {
    let tag = null;
    const look = async () => {
      let pause = Number(main.dataset.poll) * 1000;
      if (!document.hidden) {
        try {
          const headers = tag ? { "If-None-Match": tag } : {};
          const answer = await fetch(main.dataset.address, { headers, cache: "no-store", redirect: "error" });
          if (answer.status === 401) return;
          if (answer.status === 200) {
            tag = answer.headers.get("ETag");
            const next = take(await answer.text());
            if (next) main.dataset.poll = next;
          } else if (answer.status !== 304) pause = calm;
        } catch {
          pause = calm;
        }
      }
      setTimeout(look, pause);
    };
    setTimeout(look, Number(main.dataset.poll) * 1000);
  };

  // Names are looked at while somebody types; whether they are accepted, the form decides when it is sent.
  const typed = 500; // ms without a key
  let waiting = 0;

  const line = (tone, words) => {
    const made = document.createElement("li");
    made.className = tone;
    made.textContent = words;
    return made;
  };

  const understood = (one) => {
    if (one.why) return line("bad", one.why);
    return line("good", one.shown ? `${one.shown}, which is written ${one.name}` : one.name);
  };

  const judge = async (field) => {
    const names = field.value;
    const body = new URLSearchParams({ csrf: field.form.elements.csrf.value, names });
    try {
      const answer = await fetch(field.dataset.check, { method: "POST", body, redirect: "error" });
      if (!answer.ok || names !== field.value) return;
      const found = await answer.json();
      const list = document.getElementById(`${field.id}-checked`);
      list.replaceChildren(...found.names.map(understood), ...found.why.map((words) => line("bad", words)));
      list.hidden = !list.children.length;
    } catch {
      // the form tells it when it is sent
    }
  };

  document.addEventListener("input", (event) => {
    const field = event.target.closest("[data-check]");
    if (!field) return;
    clearTimeout(waiting);
    waiting = setTimeout(judge, typed, field);
  });

  reveal(document);
  const main = document.querySelector("main[data-poll]");
  if (main) follow(main);
})();
