// Says that its place has come within a screen of the window, or that the browser has had time to spare for a while:
// what belongs here is drawn then, after all that is in sight, and also for those who print without scrolling.
//
// Streamlit sends what widgets say within one turn of the browser as one message, and where a part of a page is among
// them, it draws that part alone: a button pressed in the same turn would go unheard. So a place waits while the
// reader's hand is at work and until the browser is idle, when a turn is short, and two places never speak in one turn.
// On a busy machine a hand may still come between a word and its message: then a click waits until the message has gone,
// and for all else the message asks for the whole page.
//
// A word of a page that has been left meanwhile would call the server back to it, or leave the new page empty. So while the
// server draws, no place speaks. And on a busy machine the server is long in saying that it does: once another page has been
// asked for, only the places of that page speak, for as long as it may take to come; and where a button that may lead to another
// page has been pressed, no place that was there speaks until the server draws, or has had time to.

const SPARE_MS = 2_500, AGAIN_MS = 400, QUIET_MS = 80, APART_MS = 60, UNSEEN_MS = 250, AWAY_MS = 6_000, PRESSED_MS = 2_000;
const BUTTON = ":is([data-testid=stBaseButton-primary], [data-testid=stBaseButton-secondary], [data-testid=stBaseButton-tertiary])";
const whenIdle = window.requestIdleCallback ?? setTimeout;
let touched = -Infinity, spoken = -Infinity, held = false, askForAll = null;
let pressedAt = -Infinity, away = { at: -Infinity, to: null };

const turnTo = (to) => (away = { at: performance.now(), to });
// a word said in the same turn would make the server draw the new page, then a part of it, at once: Streamlit's own script
// may then take the page away between the two, and falls over
window.addEventListener("popstate", () => {
  turnTo(location.pathname);
  touched = performance.now();
});
new MutationObserver(() => {
  if (document.querySelector(BUSY)) pressedAt = -Infinity;
}).observe(document.body, { subtree: true, attributeFilter: [STATE] });

for (const kind of ["pointerdown", "pointerup", "pointercancel", "pointermove", "click", "keydown", "input", "change"])
  window.addEventListener(kind, (event) => {
    // a menu may swallow the end of a press; the next move tells
    if (kind.startsWith("pointer")) held = event.buttons > 0;
    if (kind === "pointermove") return;
    touched = performance.now();
    if (kind === "click") {
      const link = event.target.closest?.(LINKS);
      if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) turnTo(link.pathname);
      if (event.target.closest?.(BUTTON)) pressedAt = touched;
    }
    if (askForAll === null) return;
    if (kind === "click") postpone(event);
    else askForAll();
  }, { capture: true });

function postpone(event) {
  event.stopImmediatePropagation();
  event.preventDefault();
  const pressed = event.composedPath()[0];
  setTimeout(() => pressed.dispatchEvent(new PointerEvent("click", event)));
}

function waitFor(born, path) {
  const now = performance.now();
  const leaving = away.to !== path && now < away.at + AWAY_MS;
  const unanswered = born < pressedAt && now < pressedAt + PRESSED_MS;
  const busy = held || leaving || unanswered || document.querySelector(BUSY) !== null;
  return Math.max(touched + QUIET_MS, spoken + APART_MS, busy ? now + QUIET_MS : 0) - now;
}

export default function ({ parentElement, setStateValue }) {
  const place = parentElement.querySelector(".nearness");
  const page = (parentElement.host ?? parentElement).closest("[data-testid=stMain]");
  const born = performance.now(), path = location.pathname;
  let said = 0, timer = 0;
  const later = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(() => whenIdle(tell), ms);
  };
  const tell = () => {
    if (!place.isConnected) return;
    watch.disconnect();
    const wait = waitFor(born, path);
    if (wait > 0) return later(wait);
    spoken = performance.now();
    setStateValue("near", ++said);
    // the message leaves at the end of this turn, before what is asked for now is done
    askForAll = () => setStateValue("crossed", said);
    setTimeout(() => {
      askForAll = null;
    });
    // a whole page drawn at that moment may take no notice; whoever is heard gives way to what belongs here
    later(AGAIN_MS);
  };
  // what is in sight goes first
  const first = (one) => (one.boundingClientRect.top < window.innerHeight ? 0 : UNSEEN_MS);
  const watch = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && later(Math.min(...seen.map(first))), { root: page, rootMargin: "100% 0px" });
  later(SPARE_MS);
  watch.observe(place);
  return () => {
    clearTimeout(timer);
    watch.disconnect();
  };
}
