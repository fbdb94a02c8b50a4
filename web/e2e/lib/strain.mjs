// What readers do to a page beyond opening it: they zoom, space its text, hover, tab through it, and have the system choose its colours.
import { axeFaults } from "./judge.mjs";

/** narrow is a window at 320 pixels, which is 1280 at 400 % (WCAG 1.4.10): the page stands in one column, and nothing of it is cut off. */
export async function narrow(page) {
  const before = page.viewportSize();
  await page.setViewportSize({ width: 320, height: 640 });
  try {
    // Plots take their new place a little later. What stays too wide is a fault, below.
    await page.waitForFunction(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth, null, { timeout: 1000 }).catch(() => {});
    return (await cutOff(page)).map((f) => `at 320 px ${f}`);
  } finally {
    await page.setViewportSize(before);
  }
}

/** spaced is a reader who sets lines, letters and words apart (WCAG 1.4.12). */
export async function spaced(page) {
  await page.evaluate(() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; } p { margin-bottom: 2em !important; }");
    window.spacedBefore = [...document.adoptedStyleSheets];
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  });
  try {
    return (await cutOff(page)).map((f) => `with spaced text ${f}`);
  } finally {
    await page.evaluate(() => { document.adoptedStyleSheets = window.spacedBefore; });
  }
}

// cutOff finds what is wider than the window, and words that their box hides. What ends in dots, or is cut to some lines, is so on purpose.
function cutOff(page) {
  return page.evaluate(() => {
    const faults = [];
    const root = document.documentElement;
    const name = (e) => e.outerHTML.replace(/\s+/g, " ").slice(0, 140);
    if (root.scrollWidth > root.clientWidth) {
      const wide = [...document.querySelectorAll("body *")].filter((e) => {
        if (e.getBoundingClientRect().right <= root.clientWidth + 1) return false;
        for (let p = e.parentElement; p && p !== document.body; p = p.parentElement) if (getComputedStyle(p).overflowX !== "visible") return false;
        return true;
      });
      faults.push(`the page is wider than the window, ${root.scrollWidth} > ${root.clientWidth}: ${wide.slice(0, 2).map(name).join(" | ")}`);
    }
    for (const e of document.querySelectorAll("body *")) {
      if (e.clientWidth < 8 || e.clientHeight < 8 || !e.innerText?.trim() || e.closest(".cm-editor, .visually-hidden, svg")) continue;
      const s = getComputedStyle(e);
      if (s.textOverflow === "ellipsis" || s.webkitLineClamp !== "none" || s.visibility === "hidden") continue;
      if (["hidden", "clip"].includes(s.overflowX) && e.scrollWidth > e.clientWidth + 1) faults.push(`words are cut off at the side: ${name(e)}`);
      if (["hidden", "clip"].includes(s.overflowY) && e.scrollHeight > e.clientHeight + 2) faults.push(`words are cut off below: ${name(e)}`);
    }
    return faults;
  });
}

/** focused has every control take the focus as the keyboard gives it: it must be seen that it has it. */
export async function focused(page) {
  await page.keyboard.press("Tab"); // from here on the browser shows the focus
  return page.evaluate(() => {
    const faults = [];
    const look = (e) => {
      const s = getComputedStyle(e);
      return [s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1 ? `${s.outlineStyle} ${s.outlineWidth} ${s.outlineColor}` : "", s.boxShadow, s.borderColor, s.backgroundColor].join("|");
    };
    for (const e of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]")) {
      if (e.disabled || e.closest("[hidden], dialog:not([open]), .cm-editor") || e.tabIndex < 0 || !e.checkVisibility({ visibilityProperty: true })) continue;
      document.activeElement?.blur();
      // A box that is drawn by its label shows the focus there.
      const around = [e, e.closest("label")].filter(Boolean);
      const before = around.map(look);
      e.focus();
      if (document.activeElement !== e) continue;
      if (around.every((x, i) => look(x) === before[i])) faults.push(`the focus is not seen: ${e.outerHTML.replace(/\s+/g, " ").slice(0, 140)}`);
    }
    document.activeElement?.blur();
    scrollTo(0, 0);
    return faults;
  });
}

/** hovered has the pointer over every control and row at once, with the contrast of what is then seen. */
export async function hovered(page) {
  const session = await page.context().newCDPSession(page);
  try {
    await session.send("DOM.enable");
    await session.send("CSS.enable");
    const { root } = await session.send("DOM.getDocument", { depth: 0 });
    const { nodeIds } = await session.send("DOM.querySelectorAll", { nodeId: root.nodeId, selector: "main a, main button, main summary, main tbody tr, main label, .nav a, .side-foot button, .side-foot a" });
    await Promise.all(nodeIds.map((nodeId) => session.send("CSS.forcePseudoState", { nodeId, forcedPseudoClasses: ["hover"] })));
    return (await axeFaults(page, ["color-contrast"])).map((f) => `under the pointer ${f}`);
  } finally {
    await session.detach(); // and all is as it was
  }
}

/** forced is a system that chooses the colours: what is marked by its ground alone would be lost. */
export async function forced(page) {
  await page.emulateMedia({ forcedColors: "active" });
  try {
    const faults = await page.evaluate(() => {
      const faults = [];
      for (const e of document.querySelectorAll("svg")) {
        if (!e.checkVisibility({ visibilityProperty: true })) continue;
        const ground = getComputedStyle(e.closest("button, a, td, main, header, body")).backgroundColor;
        if (getComputedStyle(e).color === ground) faults.push(`a drawing cannot be seen: ${e.outerHTML.slice(0, 120)}`);
      }
      // Where one stands among several, or is, is told by more than a ground: the system takes that away.
      for (const e of document.querySelectorAll("[aria-current], [aria-selected=true]")) {
        if (!e.checkVisibility({ visibilityProperty: true })) continue;
        const twin = [...(e.parentElement.closest("nav, [role=tablist], ol, ul, div")?.querySelectorAll(e.localName) ?? [])].find((t) => t !== e && !t.matches("[aria-current], [aria-selected=true]") && t.className === e.className);
        if (!twin) continue;
        const tell = (x) => { const s = getComputedStyle(x); return [s.fontWeight, s.borderColor, s.borderWidth, s.outlineStyle, s.textDecorationLine, s.color].join("|"); };
        if (tell(e) === tell(twin)) faults.push(`which one is current is not seen: ${e.outerHTML.replace(/\s+/g, " ").slice(0, 120)}`);
      }
      return faults;
    });
    return [...faults, ...await focused(page)].map((f) => `in forced colours ${f}`);
  } finally {
    await page.emulateMedia({ forcedColors: "none" });
  }
}

/** dialogs opens every dialog of the page, one after the other, and judges it: a name, the focus in it, all of it within the window. */
export async function dialogs(page) {
  const faults = [];
  const ids = await page.evaluate(() => [...new Map([...document.querySelectorAll("dialog")].map((d) => [d.id.replace(/[0-9]+/g, ""), d.id])).values()]); // of one kind, one
  for (const id of ids) {
    const own = await page.evaluate((id) => {
      const faults = [];
      const d = document.getElementById(id);
      d.showModal();
      const b = d.getBoundingClientRect();
      if (!d.contains(document.activeElement)) faults.push("does not take the focus");
      if (b.left < 0 || b.right > innerWidth || b.top < 0 || (b.bottom > innerHeight && getComputedStyle(d).overflowY === "visible")) faults.push(`is larger than the window: ${Math.round(b.width)} x ${Math.round(b.height)}`);
      if (!d.getAttribute("aria-labelledby") && !d.getAttribute("aria-label")) faults.push("has no name");
      return faults;
    }, id);
    faults.push(...own.map((f) => `dialog ${id} ${f}`), ...(await axeFaults(page)).map((f) => `dialog ${id}: ${f}`));
    await page.evaluate((id) => document.getElementById(id).close(), id);
  }
  return faults;
}
