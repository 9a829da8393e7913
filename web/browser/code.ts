// Code: takes the code of a mail's link from behind the #, where no server sees it, and out of the address bar.

const input = document.querySelector<HTMLInputElement>('#code input[name=secret]');
const code = location.hash.slice(1);
if (input && /^[A-Za-z0-9_-]{43}$/.test(code)) {
  input.value = code;
  input.closest('.field')?.classList.add('done');
  history.replaceState(null, '', location.pathname);
}
const next = document.querySelector<HTMLElement>('#code input:not([type=hidden]):placeholder-shown, #code button');
const wanted = input?.value ? document.querySelector<HTMLElement>('#code input[type=password], #code button') : input;
if (document.querySelector('[aria-invalid]') === null) (wanted ?? next)?.focus();
