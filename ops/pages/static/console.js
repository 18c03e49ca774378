// Keeps the page live, suggests resources, asks before what cannot be undone. Without it, all pages work.
"use strict";

const live = document.getElementById("live");
const liveness = document.getElementById("liveness");

function parse(html) {
  return new DOMParser().parseFromString(html, "text/html").body;
}

// Changes `old` into `next` in place, so that focus, selection and ticks stay where they are.
function morph(old, next) {
  if (old.nodeType !== next.nodeType || old.nodeName !== next.nodeName || (old.id || "") !== (next.id || "")) {
    old.replaceWith(next);
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  morphChildren(old, next);
}

function morphChildren(old, next) {
  const wanted = [...next.childNodes];
  const keyed = new Map([...old.children].filter((each) => each.id).map((each) => [each.id, each]));
  let at = old.firstChild;
  for (const child of wanted) {
    const held = child.id ? keyed.get(child.id) : null;
    if (held && held !== at) old.insertBefore(held, at);
    const here = held || (at && !(at.id && at.id !== (child.id || "")) ? at : null);
    if (!here) {
      old.insertBefore(child, at);
      continue;
    }
    at = here.nextSibling;
    morph(here, child);
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

function follow(address) {
  const source = new EventSource(address);
  const say = (text, away) => {
    liveness.textContent = text;
    liveness.classList.toggle("away", away);
  };
  source.onopen = () => say("live", false);
  source.onmessage = (event) => morphChildren(live, parse(event.data));
  source.onerror = () =>
    source.readyState === EventSource.CLOSED
      ? say("not live: reload the page", true)
      : say("the console does not answer; trying again", true);
  addEventListener("pagehide", () => source.close());
}

function suggest(field, box) {
  let timer = 0;
  let asked = 0;
  const close = () => { box.hidden = true; };
  const ask = async () => {
    const mine = ++asked;
    const text = field.value.trim();
    if (!text) { close(); return; }
    try {
      const answer = await fetch(`/suggestions?q=${encodeURIComponent(text)}`);
      const html = await answer.text();
      if (mine !== asked) return;
      box.replaceChildren(...parse(html).childNodes);
      box.hidden = false;
    } catch {
      close();
    }
  };
  field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 150); });
  field.form.addEventListener("keydown", (event) => {
    const links = [...box.querySelectorAll("a")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") { close(); field.focus(); return; }
    if (!step || box.hidden || !links.length) return;
    event.preventDefault();
    const to = links.indexOf(document.activeElement) + step;
    (to < 0 ? field : links[Math.min(to, links.length - 1)]).focus();
  });
  field.form.addEventListener("focusout", (event) => {
    if (!field.form.contains(event.relatedTarget)) setTimeout(close, 150);
  });
}

document.addEventListener("change", (event) => {
  const name = event.target.dataset && event.target.dataset.picks;
  if (!name) return;
  for (const each of document.querySelectorAll(`input[type=checkbox][name=${name}]`)) each.checked = event.target.checked;
});
document.addEventListener("submit", (event) => {
  const question = event.submitter && event.submitter.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest && event.target.closest("input, textarea, select");
  const field = document.getElementById("find");
  if (event.key !== "/" || typing || !field || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  field.focus();
});

if (live && live.dataset.live && liveness) follow(live.dataset.live);
const field = document.getElementById("find");
if (field) suggest(field, document.getElementById("suggestions"));
