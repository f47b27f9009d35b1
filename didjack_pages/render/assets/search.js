/* Full-text search over search-index.js, which is a script so that it also loads from file://. */
(function () {
  "use strict";
  const script = document.currentScript;
  const indexUrl = script.dataset.index;
  const rootUrl = indexUrl.replace(/search-index\.js.*$/, "");
  const dialog = document.querySelector(".search-dialog");
  const button = document.querySelector(".search-button");
  const input = dialog.querySelector("input");
  const list = dialog.querySelector("ul");
  const status = dialog.querySelector(".search-status");
  let entries = null;
  let selected = -1;

  const fold = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();

  function load() {
    if (entries) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const tag = document.createElement("script");
      tag.src = indexUrl;
      tag.onload = () => {
        entries = window.siteSearch.map((e) => ({
          page: e[0], section: e[1], url: e[2], text: e[3],
          p: fold(e[0]), s: fold(e[1]), x: fold(e[3]),
        }));
        resolve();
      };
      tag.onerror = reject;
      document.head.append(tag);
    });
  }

  function score(entry, words) {
    let total = 0;
    for (const word of words) {
      let best = 0;
      const at = (text, whole, part) => {
        const place = text.indexOf(word);
        if (place < 0) return;
        const starts = place === 0 || !/[a-z0-9]/.test(text[place - 1]);
        best = Math.max(best, starts ? whole : part);
      };
      at(entry.x, 2, 1);
      at(entry.s, 8, 4);
      at(entry.p, entry.section ? 3 : 12, entry.section ? 2 : 6);
      if (!best) return 0;
      total += best;
    }
    return total;
  }

  function snippet(entry, words) {
    const places = words.map((w) => entry.x.indexOf(w)).filter((p) => p >= 0);
    const first = places.length ? Math.min(...places) : 0;
    const start = Math.max(0, first - 50);
    const text = entry.text.slice(start, start + 170);
    return (start ? "… " : "") + text + (start + 170 < entry.text.length ? " …" : "");
  }

  /* Marks the words without building HTML from text. */
  function marked(text, words) {
    const out = document.createDocumentFragment();
    const low = fold(text);
    if (low.length !== text.length) { out.append(text); return out; }
    let place = 0;
    while (place < text.length) {
      let next = -1, length = 0;
      for (const word of words) {
        const at = low.indexOf(word, place);
        if (at >= 0 && (next < 0 || at < next)) { next = at; length = word.length; }
      }
      if (next < 0) break;
      const mark = document.createElement("mark");
      mark.textContent = text.slice(next, next + length);
      out.append(text.slice(place, next), mark);
      place = next + length;
    }
    out.append(text.slice(place));
    return out;
  }

  function part(name, text, words) {
    const el = document.createElement("span");
    el.className = name;
    el.append(marked(text, words));
    return el;
  }

  function show() {
    const words = fold(input.value).split(/\s+/).filter(Boolean);
    list.replaceChildren();
    selected = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    if (!words.length || !entries) { status.textContent = ""; return; }
    const found = entries.map((entry) => [score(entry, words), entry]).filter((pair) => pair[0])
      .sort((a, b) => b[0] - a[0]).slice(0, 12);
    status.textContent = found.length ? "" : "Nothing found.";
    found.forEach(([, entry], i) => {
      const item = document.createElement("li");
      item.setAttribute("role", "option");
      item.id = "search-result-" + i;
      const link = document.createElement("a");
      link.href = rootUrl + entry.url;
      link.tabIndex = -1;
      link.append(part("result-title", entry.section || entry.page, words));
      if (entry.section) link.append(part("result-page", entry.page, []));
      link.append(part("result-text", snippet(entry, words), words));
      link.addEventListener("click", () => dialog.close());
      item.append(link);
      list.append(item);
    });
    input.setAttribute("aria-expanded", String(found.length > 0));
    if (found.length) select(0);
  }

  function select(index) {
    const items = list.children;
    if (!items.length) return;
    selected = (index + items.length) % items.length;
    Array.from(items).forEach((item, i) => item.setAttribute("aria-selected", String(i === selected)));
    input.setAttribute("aria-activedescendant", items[selected].id);
    items[selected].scrollIntoView({ block: "nearest" });
  }

  function open() {
    if (dialog.open) return;
    dialog.showModal();
    input.select();
    load().then(show, () => { status.textContent = "The search index could not be read."; });
  }

  button.hidden = false;
  button.addEventListener("click", open);
  input.addEventListener("input", show);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      select(selected + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (selected >= 0) list.children[selected].firstChild.click();
    }
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest && event.target.closest("input, textarea, [contenteditable]");
    const slash = event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (slash || (event.key === "k" && (event.ctrlKey || event.metaKey))) {
      event.preventDefault();
      open();
    }
  });
})();
