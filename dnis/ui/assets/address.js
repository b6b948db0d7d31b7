// The way from page to page, and back; and what has been asked for and does not come is asked for again.
//
// Streamlit makes a step of the browser's history of every word that a page says in its address, and Back would stop at each
// of them without effect. Here such a word takes the place of the one before: a step leads to another page or another run.
//
// And where a clock of the page that is left speaks before the server has turned to the new one, the server may stay where it
// is: a page that does not come is asked for again. Where the server has turned already, it draws what it was asked for and
// no more, which takes away all that the new page had: a page that is left without its heading is asked for again, too.
//
// The server forgets what a button downloads when it draws the button anew, and a click that was on its way in that moment
// fails. Once the button is drawn, it is pressed again; whatever fails then stays in sight.
//
// Where pages follow each other very fast, Streamlit's own script may be told of a part of a page that it has just taken away;
// it falls over then and leaves the window white for good. Such a window is loaded again: its address says what it showed.
const PATIENCE_MS = 2_500, TIMES = 2, LOOK_MS = 500, FAILED_MS = 10_000, LOADED_MS = 20_000, LOADED = "dnis-loaded-again";
// a page has a heading; where there is none but something is said or asked, as at the door, that is all that there is
const FILLED = ["h1", "[data-testid=stAlert]", "[data-testid=stException]", "input"].map((one) => `[data-testid=stMain] ${one}`).join();
const runIn = (url) => new URLSearchParams(url.search).get("run");
const linkTo = (fits) => [...document.querySelectorAll(LINKS)].find(fits);
const pressedAgain = new WeakMap();
let waiting = 0, bare = 0, asked = 0;

function ask(address, times) {
  waiting = setTimeout(() => {
    const link = linkTo((one) => one.href === address);
    if (!link || link.pathname === location.pathname) return;
    link.click();
    if (times > 1) ask(address, times - 1);
  }, PATIENCE_MS);
}

function lookForPage() {
  if (document.querySelector(FILLED)) return (bare = asked = 0);
  bare = document.hidden || document.querySelector(BUSY) ? 0 : bare + 1;
  // not at the first look: a page's parts leave before others come
  if (bare < 2 || asked === TIMES) return;
  asked += 1;
  bare = 0;
  linkTo((one) => one.pathname === location.pathname)?.click();
}

function lookForFiles() {
  if (document.querySelector(BUSY)) return;
  for (const error of document.querySelectorAll("[data-testid=stDownloadButtonError]")) {
    const button = error.closest("[data-testid=stDownloadButton]").querySelector("button"), now = performance.now();
    if (button.disabled || now < (pressedAgain.get(button) ?? -Infinity) + FAILED_MS) continue;
    pressedAgain.set(button, now);
    button.click();
  }
}

function lookForWindow() {
  if (document.querySelector("[data-testid=stApp]")) return;
  const now = Date.now();
  // what falls over again at once is not loaded over and over
  if (now < Number(sessionStorage.getItem(LOADED)) + LOADED_MS) return;
  sessionStorage.setItem(LOADED, String(now));
  location.reload();
}

function follow(event) {
  if (!event.isTrusted) return;
  clearTimeout(waiting); // whoever does something else has changed their mind
  const link = event.target.closest?.(LINKS);
  if (link && !event.button && !event.ctrlKey && !event.metaKey && !event.shiftKey) ask(link.href, TIMES);
}

export default function () {
  if (window.dnisAddress) return;
  window.dnisAddress = true;
  window.addEventListener("click", follow, { capture: true });
  setInterval(lookForPage, LOOK_MS);
  setInterval(lookForFiles, LOOK_MS);
  setInterval(lookForWindow, LOOK_MS);
  const push = history.pushState.bind(history);
  history.pushState = (state, title, address) => {
    const next = new URL(address, location.href), run = runIn(location), leaves = next.pathname !== location.pathname;
    if (leaves) clearTimeout(waiting);
    if (leaves || (run !== null && runIn(next) !== run)) push(state, title, address);
    else history.replaceState(state, title, address);
  };
}
