// A box that is open (Link to this page, Save figure) closes at a click anywhere, and says so to the server. Where that click
// is on a link to another page, Streamlit says it after the link, and for the page that is being left: the link would go
// unheard. So the box is closed first, and the link follows a moment later.
const CLOSED_MS = 50;

function closeFirst(event) {
  const link = event.target.closest?.(LINKS);
  const open = document.querySelector("[data-testid=stPopover] button[aria-expanded=true]");
  if (!link || !open || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  open.click();
  setTimeout(() => link.click(), CLOSED_MS);
}

export default function () {
  window.addEventListener("click", closeFirst, { capture: true });
  return () => window.removeEventListener("click", closeFirst, { capture: true });
}
