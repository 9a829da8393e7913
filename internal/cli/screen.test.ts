import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { openScreen } from './screen.ts';

/** As much of a terminal as is used, and what was done to it. */
function terminal(columns: number, rows: number) {
  const keyboard = new EventEmitter();
  const state = { raw: false, flowing: false, written: '' };
  const input = Object.assign(keyboard, {
    setRawMode: (raw: boolean) => void (state.raw = raw),
    setEncoding: () => undefined,
    resume: () => void (state.flowing = true),
    pause: () => void (state.flowing = false),
  }) as unknown as Parameters<typeof openScreen>[0];
  const output = { columns, rows, write: (text: string) => ((state.written += text), true) } as unknown as Parameters<
    typeof openScreen
  >[1];
  return { state, keyboard, input, output };
}

test.each(['q', '\u0003', '\u0004'])('%j leaves, and the terminal is as it was', (key) => {
  const { state, keyboard, input, output } = terminal(80, 24);
  const before = process.listenerCount('SIGTERM');
  const screen = openScreen(input, output);
  expect([state.raw, state.flowing, state.written]).toEqual([true, true, '\u001b[?1049h\u001b[?25l']);
  keyboard.emit('data', 'xyz');
  expect(screen.left.aborted).toBe(false);
  keyboard.emit('data', key);
  expect(screen.left.aborted).toBe(true);
  state.written = '';
  screen.close();
  expect([state.raw, state.flowing, state.written]).toEqual([false, false, '\u001b[?25h\u001b[?1049l']);
  expect([keyboard.listenerCount('data'), process.listenerCount('SIGTERM')]).toEqual([0, before]);
});

test('what would end the process leaves too', () => {
  const { input, output } = terminal(80, 24);
  const screen = openScreen(input, output);
  process.emit('SIGTERM');
  expect(screen.left.aborted).toBe(true);
  screen.close();
});

test('what does not fit is cut, and nothing of the page before is left', () => {
  const { state, input, output } = terminal(4, 2);
  const screen = openScreen(input, output);
  state.written = '';
  screen.draw(['abcdef', 'gh', 'ij']);
  expect(state.written).toBe('\u001b[Habcd\u001b[K\ngh\u001b[K\u001b[J');
  screen.close();
});
