// The visitor's colours before the first paint. `web/src/page/theme.rs` remembers the choice under this name.
try {
  const theme = localStorage.getItem("whelp-theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is forbidden: the system's colours then.
}
