// Comfort only: the page says everything without it.
(() => {
  "use strict";
  const root = document.documentElement;
  const themes = ["auto", "light", "dark"];
  const storage = {
    // a file opened from disk may have no storage: the choice then lasts as long as the page
    get: () => { try { return localStorage.getItem("everyturn-theme"); } catch { return null; } },
    set: (value) => { try { localStorage.setItem("everyturn-theme", value); } catch { /* see above */ } },
  };
  let theme = themes.includes(storage.get()) ? storage.get() : "auto";
  const paint = () => { if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme; };
  paint();

  const element = (id) => document.getElementById(id);

  const toggleTheme = () => {
    const button = element("theme");
    const say = () => { button.querySelector("span").textContent = theme; };
    button.hidden = false;
    say();
    button.addEventListener("click", () => {
      theme = themes[(themes.indexOf(theme) + 1) % themes.length];
      storage.set(theme);
      paint();
      say();
    });
  };

  const openFromHash = () => {
    const target = element(location.hash.slice(1));
    if (!target) return;
    for (let d = target.closest("details"); d; d = d.parentElement.closest("details")) { d.hidden = false; d.open = true; }
    target.scrollIntoView();
    if (target.tabIndex === -1) target.focus({ preventScroll: true });
  };

  const sortable = (table) => {
    const value = (body, column, kind) => {
      const text = body.rows[0].cells[column].dataset.sort;
      return kind === "text" ? text.toLowerCase() : text === "" ? null : Number(text);
    };
    for (const head of table.tHead.rows[0].cells) {
      if (!head.dataset.key) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const kind = head.dataset.key;
        const first = kind === "text" ? "ascending" : "descending"; // the largest number is what one looks for
        const second = first === "ascending" ? "descending" : "ascending";
        const order = head.getAttribute("aria-sort") === first ? second : first;
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", order);
        const rows = [...table.tBodies].map((body) => [value(body, head.cellIndex, kind), body]);
        rows.sort(([a], [b]) => {
          if (a === null || b === null) return (a === null) - (b === null); // what is not known stays below
          const less = kind === "text" ? a.localeCompare(b) : a - b;
          return order === "ascending" ? less : -less;
        });
        table.append(...rows.map(([, body]) => body));
      });
    }
  };

  const search = (input) => {
    input.parentElement.hidden = false;
    const all = [...document.querySelectorAll(".conversation")];
    const texts = all.map((c) => c.textContent.toLowerCase());
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let found = 0;
      all.forEach((c, i) => {
        c.hidden = !words.every((word) => texts[i].includes(word));
        found += !c.hidden;
      });
      element("search-result").textContent = words.length ? `${found} of ${all.length}` : "";
    });
  };

  const save = (button) => {
    button.hidden = false;
    button.addEventListener("click", () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([element("numbers").textContent], { type: "application/json" }));
      link.download = "everyturn-report.json";
      link.click();
      URL.revokeObjectURL(link.href);
    });
  };

  document.addEventListener("DOMContentLoaded", () => {
    toggleTheme();
    const table = element("intent-table");
    if (table) sortable(table);
    const input = element("search");
    if (input) search(input);
    save(element("save"));
    openFromHash();
    addEventListener("hashchange", openFromHash);
  });
})();
