/* Theme, menu, table of contents, copy buttons, tabs. Every page also works without this file. */
(function () {
  "use strict";
  const root = document.documentElement;
  const all = (selector, from) => Array.from((from || document).querySelectorAll(selector));
  const remember = (key, value) => {
    try { localStorage.setItem(key, value); } catch (e) { /* not remembered, still applied */ }
  };

  function theme() {
    const button = document.querySelector(".theme-button");
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
    const show = () => button.setAttribute("aria-pressed", String(isDark()));
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      remember("site-theme", root.dataset.theme);
      show();
    });
    system.addEventListener("change", show);
    show();
  }

  function menu() {
    const button = document.querySelector(".menu-button");
    const sidebar = document.getElementById("sidebar");
    if (!button || !sidebar) return;
    const set = (open) => {
      button.setAttribute("aria-expanded", String(open));
      document.body.classList.toggle("menu-open", open);
    };
    const isOpen = () => document.body.classList.contains("menu-open");
    button.addEventListener("click", () => set(!isOpen()));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && isOpen()) { set(false); button.focus(); }
    });
    document.addEventListener("click", (event) => {
      if (isOpen() && !sidebar.contains(event.target) && !button.contains(event.target)) set(false);
    });
    const current = sidebar.querySelector("[aria-current]");
    if (current && current.offsetTop > sidebar.clientHeight * 0.8) {
      sidebar.scrollTop = current.offsetTop - sidebar.clientHeight / 3;
    }
  }

  function scrollSpy() {
    const links = new Map();
    all(".margin .toc a[href^='#']").forEach((a) => {
      const target = document.getElementById(decodeURIComponent(a.hash.slice(1)));
      if (target) links.set(target, a);
    });
    if (!links.size) return;
    const targets = Array.from(links.keys());
    let active = null;
    let waiting = false;
    const update = () => {
      waiting = false;
      const atEnd = window.innerHeight + window.scrollY >= root.scrollHeight - 4;
      const above = targets.filter((el) => el.getBoundingClientRect().top < 130);
      const now = atEnd && window.scrollY > 0 ? targets[targets.length - 1]
        : above.length ? above[above.length - 1] : targets[0];
      if (now === active) return;
      active = now;
      links.forEach((a, el) => {
        if (el === now) a.setAttribute("aria-current", "true");
        else a.removeAttribute("aria-current");
      });
    };
    const soon = () => { if (!waiting) { waiting = true; requestAnimationFrame(update); } };
    window.addEventListener("scroll", soon, { passive: true });
    window.addEventListener("resize", soon);
    update();
  }

  async function copyText(text) {
    if (navigator.clipboard && window.isSecureContext) {
      await navigator.clipboard.writeText(text);
      return;
    }
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }

  function copyButtons() {
    all("div.sourceCode > pre").forEach((pre) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy-button icon-button";
      button.setAttribute("aria-label", "Copy the code");
      button.innerHTML = '<span class="icon icon-copy"></span>';
      button.addEventListener("click", async () => {
        await copyText(pre.innerText.replace(/\n$/, ""));
        button.classList.add("done");
        button.setAttribute("aria-label", "Copied");
        setTimeout(() => {
          button.classList.remove("done");
          button.setAttribute("aria-label", "Copy the code");
        }, 1600);
      });
      pre.parentElement.append(button);
    });
  }

  function headingAnchors() {
    all("main section[id]").forEach((section) => {
      const heading = section.querySelector(":scope > h2, :scope > h3, :scope > h4");
      if (!heading) return;
      const link = document.createElement("a");
      link.className = "heading-anchor";
      link.href = "#" + section.id;
      link.setAttribute("aria-label", "Link to this section");
      link.textContent = "#";
      heading.append(" ", link);
    });
  }

  function tabsets() {
    const sets = all(".panel-tabset");
    const choose = (set, index, focus) => {
      const tabs = all(":scope > .tabs > [role=tab]", set);
      const panels = all(":scope > [role=tabpanel]", set);
      tabs.forEach((tab, i) => {
        tab.setAttribute("aria-selected", String(i === index));
        tab.tabIndex = i === index ? 0 : -1;
      });
      panels.forEach((panel, i) => { panel.hidden = i !== index; });
      if (focus) tabs[index].focus();
    };
    sets.forEach((set) => {
      const tabs = all(":scope > .tabs > [role=tab]", set);
      const pick = (index, focus) => {
        choose(set, index, focus);
        const name = tabs[index].textContent.trim();
        if (!set.dataset.group) return;
        sets.filter((other) => other !== set && other.dataset.group === set.dataset.group)
          .forEach((other) => {
            const same = all(":scope > .tabs > [role=tab]", other)
              .findIndex((tab) => tab.textContent.trim() === name);
            if (same >= 0) choose(other, same, false);
          });
      };
      tabs.forEach((tab, index) => {
        tab.addEventListener("click", () => pick(index, false));
        tab.addEventListener("keydown", (event) => {
          const last = tabs.length - 1;
          const next = { ArrowRight: index === last ? 0 : index + 1,
            ArrowLeft: index === 0 ? last : index - 1, Home: 0, End: last }[event.key];
          if (next !== undefined) { event.preventDefault(); pick(next, true); }
        });
      });
      choose(set, 0, false);
      set.classList.add("ready");
    });
  }

  /* A link may lead into a closed fold or a hidden tab: open what is around its target. */
  function reveal() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let el = target; el; el = el.parentElement) {
      if (el.tagName === "DETAILS") el.open = true;
      if (el.getAttribute("role") === "tabpanel" && el.hidden) {
        document.getElementById(el.getAttribute("aria-labelledby")).click();
      }
    }
    target.scrollIntoView();
  }

  /* Boxes that scroll sideways must be reachable by keyboard. */
  function scrollBoxes() {
    all(".table-scroll, .cell-output-display, .equation .formula, pre").forEach((box) => {
      if (box.scrollWidth > box.clientWidth + 1) {
        box.tabIndex = 0;
        if (!box.matches("pre")) {
          const fade = () => box.classList.toggle(
            "fades", box.scrollLeft + box.clientWidth < box.scrollWidth - 2);
          box.addEventListener("scroll", fade, { passive: true });
          fade();
          box.setAttribute("role", "group");
          box.setAttribute("aria-label", "Scrolls sideways");
        }
      }
    });
  }

  function printing() {
    let opened = [];
    window.addEventListener("beforeprint", () => {
      opened = all("main details:not([open]):not(.code-fold)");
      opened.forEach((el) => { el.open = true; });
      all("[role=tabpanel][hidden]").forEach((el) => { el.hidden = false; el.dataset.printed = ""; });
    });
    window.addEventListener("afterprint", () => {
      opened.forEach((el) => { el.open = false; });
      all("[data-printed]").forEach((el) => { el.hidden = true; delete el.dataset.printed; });
    });
  }

  [theme, menu, headingAnchors, tabsets, copyButtons, scrollSpy, scrollBoxes, printing, reveal]
    .forEach((start) => start());
  window.addEventListener("hashchange", reveal);
})();
