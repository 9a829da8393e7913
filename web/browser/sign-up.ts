// Sign-up: finds the number that a sign-up has to bear, while its form is filled in.

import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';

const form = document.querySelector<HTMLFormElement>('#sign-up');
const challenge = form?.querySelector<HTMLInputElement>('input[name=challenge]');
const answer = form?.querySelector<HTMLInputElement>('input[name=answer]');
const working = document.querySelector<HTMLElement>('#working');

/** Milliseconds at a time: the page goes on being one. */
const sliceMs = 12;

function zeroBits(bytes: Uint8Array): number {
  let bits = 0;
  for (const byte of bytes) {
    if (byte !== 0) return bits + Math.clz32(byte) - 24;
    bits += 8;
  }
  return bits;
}

async function solve(text: string, bits: number): Promise<string> {
  const prefix = sha256.create().update(utf8ToBytes(`${text} `));
  for (let number = 0; ; ) {
    const until = performance.now() + sliceMs;
    while (performance.now() < until) {
      for (let turn = 0; turn < 64; turn += 1, number += 1)
        if (
          zeroBits(
            prefix
              .clone()
              .update(utf8ToBytes(String(number)))
              .digest(),
          ) >= bits
        )
          return String(number);
    }
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

if (form && challenge && answer) {
  let found = false;
  let waiting = false;
  const bits = Number(challenge.dataset['bits']);
  const begin = solve(challenge.value, bits).then((number) => {
    found = true;
    answer.value = number;
    if (waiting) form.submit();
  });
  form.addEventListener('submit', (event) => {
    if (found) return;
    event.preventDefault();
    waiting = true;
    if (working) working.textContent = 'One moment: your browser shows that it is no robot.';
  });
  void begin;
}
