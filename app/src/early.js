// Keeps a press until the page answers, and says where it never will: decision 0021.
(() => {
  const root = document.documentElement;
  const early = () => !root.hasAttribute('data-ready');
  let held;
  const hold = (pressed, again) => {
    held?.pressed.removeAttribute('aria-busy');
    held = { pressed, again };
    pressed.setAttribute('aria-busy', 'true');
  };
  addEventListener('submit', (event) => {
    const { target, submitter } = event;
    if (!early() || target.hasAttribute('action')) return;
    event.preventDefault();
    hold(submitter ?? target, () => target.requestSubmit(submitter));
  }, true);
  addEventListener('click', (event) => {
    const pressed = early() && event.target.closest?.('button[type=button]');
    if (pressed) hold(pressed, () => pressed.click());
  }, true);
  new MutationObserver((_, observer) => {
    if (early()) return;
    observer.disconnect();
    if (!held) return;
    held.pressed.removeAttribute('aria-busy');
    if (held.pressed.isConnected) held.again();
  }).observe(root, { attributes: true, attributeFilter: ['data-ready'] });
  addEventListener('unloadable', () => {
    const said = document.createElement('p');
    said.className = 'dead fair';
    said.setAttribute('role', 'alert');
    said.textContent = 'This page can be read, but does not answer: its program could not be loaded. Load the page again.';
    document.body.prepend(said);
  });
})();
