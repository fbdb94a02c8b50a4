// A list of objects as cards of fields, such as a tenant's channels. What a card has no field for stays as it is in the file.

const deep = (o, name) => name.split(".").reduce((x, n) => x?.[n], o);

/** cards keeps box in step with a list; change(path, list) is told what the user makes of it. */
export function cards(box, template, add, change) {
  const path = JSON.parse(box.dataset.items);
  let list = [];

  function tell() { change(path, list.length ? list : null); }

  function read(card, before) {
    const out = structuredClone(before);
    for (const el of card.querySelectorAll("[data-name]:is(input, select)")) {
      const names = el.dataset.name.split(".");
      let value = el.value.trim();
      if (el.dataset.kind === "list") value = value.split(/[,，]/).map((s) => s.trim()).filter(Boolean);
      const hidden = el.closest(".field").hidden;
      const last = names.pop();
      let into = out;
      for (const n of names) into = into[n] ??= {};
      if (hidden || value === "" || (Array.isArray(value) && value.length === 0)) delete into[last];
      else into[last] = value;
    }
    if (out.quiet && Object.keys(out.quiet).length === 0) delete out.quiet;
    return out;
  }

  function only(card) {
    const type = card.querySelector("select[data-name=type]").value;
    for (const f of card.querySelectorAll(".field")) f.hidden = Boolean(f.dataset.only) && !f.dataset.only.split(" ").includes(type);
    const kind = card.querySelector("select[data-name=type]").selectedOptions[0]?.textContent ?? "";
    card.querySelector("[data-item-title]").textContent = [card.number, kind].filter(Boolean).join(" · ");
  }

  function make(item, i) {
    const card = template.content.firstElementChild.cloneNode(true);
    card.number = i + 1;
    for (const el of card.querySelectorAll("[data-name]:is(input, select)")) {
      el.id = `item-${i}-${el.dataset.name}`;
      card.querySelector(`label[data-name="${el.dataset.name}"]`).htmlFor = el.id;
      const value = deep(item, el.dataset.name);
      const text = Array.isArray(value) ? value.join(", ") : String(value ?? "");
      if (el.tagName === "SELECT" && ![...el.options].some((o) => o.value === text)) el.add(new Option(text, text));
      el.value = text;
      el.addEventListener(el.tagName === "SELECT" ? "change" : "input", () => {
        only(card);
        list = list.map((x, n) => (n === i ? read(card, x) : x));
        tell();
      });
    }
    card.querySelector("[data-item-remove]").addEventListener("click", () => {
      list = list.filter((_, n) => n !== i);
      draw();
      tell();
      add.focus();
    });
    only(card);
    return card;
  }

  function draw() { box.replaceChildren(...list.map(make)); }

  add.addEventListener("click", () => {
    list = [...list, { type: "email", to: [] }];
    draw();
    box.lastElementChild.querySelector("select").focus();
    tell();
  });

  return {
    path,
    show(value) {
      if (!Array.isArray(value) || JSON.stringify(value) === JSON.stringify(list) && box.childElementCount === list.length) return;
      if (box.contains(document.activeElement) && value.length === list.length) { list = list.length ? list : value; return; } // who types is not interrupted
      list = value;
      draw();
    },
    lint(problems) {
      const at = path.join(".");
      [...box.children].forEach((card, i) => {
        card.querySelectorAll(".mistake").forEach((m) => m.remove());
        for (const p of problems) {
          if (p.warning || !(p.path.startsWith(`${at}[${i}]`) || p.path.startsWith(`${at}.${i}`))) continue;
          const said = document.createElement("p");
          said.className = "mistake";
          said.textContent = p.message;
          card.append(said);
        }
      });
    },
  };
}
