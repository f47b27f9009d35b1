/* Hovering over a citation, a footnote mark or a reference shows what it leads to. */
(function () {
  "use strict";
  const box = document.createElement("div");
  box.className = "preview";
  box.hidden = true;
  box.setAttribute("aria-hidden", "true"); // readers follow the link itself
  document.body.append(box);
  let timer = 0;

  const selector = "main a.crossref, main a[role='doc-biblioref'], main a.footnote-ref";

  function content(link) {
    const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (!target || target.matches("section, h1, h2, h3, h4, h5, h6")) return null;
    const copy = target.cloneNode(true);
    copy.querySelectorAll(".footnote-back, button").forEach((el) => el.remove());
    // The style of a table by great_tables hangs on the id of its container.
    [copy, ...copy.querySelectorAll("[id]")].filter((el) => !el.querySelector(":scope > .gt_table"))
      .forEach((el) => el.removeAttribute("id"));
    if (copy.tagName !== "LI") return copy;
    const note = document.createElement("div");
    note.append(...copy.childNodes);
    return note;
  }

  function inView(link) {
    const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    const place = target.getBoundingClientRect();
    return place.top >= 60 && place.bottom <= window.innerHeight;
  }

  function show(link) {
    const copy = content(link);
    if (!copy || inView(link)) return;
    box.replaceChildren(copy);
    box.hidden = false;
    const at = link.getClientRects()[0];
    const width = box.offsetWidth, height = box.offsetHeight;
    const left = Math.min(Math.max(8, at.left - 16), window.innerWidth - width - 8);
    const below = at.bottom + 8;
    const top = below + height < window.innerHeight ? below : Math.max(8, at.top - height - 8);
    box.style.left = left + "px";
    box.style.top = top + "px";
  }

  const hide = () => { clearTimeout(timer); box.hidden = true; };

  document.querySelectorAll(selector).forEach((link) => {
    link.addEventListener("pointerenter", (event) => {
      if (event.pointerType !== "mouse") return;
      clearTimeout(timer);
      timer = setTimeout(() => show(link), 180);
    });
    link.addEventListener("pointerleave", hide);
    link.addEventListener("click", hide);
  });
  window.addEventListener("scroll", hide, { passive: true });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
})();
