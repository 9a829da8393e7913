// Checks: whether a value of a message has the shape that it must have, field by field.

export type Check = (value: unknown) => boolean;
export type Shape<T> = { readonly [F in keyof T]-?: Check };

export const text =
  (most: number): Check =>
  (value) =>
    typeof value === 'string' && value.length <= most;
export const whole: Check = (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
export const one =
  (...of: readonly (string | number)[]): Check =>
  (value) =>
    of.some((each) => each === value);
export const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
export const list =
  (check: Check, most: number): Check =>
  (value) =>
    Array.isArray(value) && value.length <= most && value.every(check);
export const below =
  (end: number): Check =>
  (value) =>
    whole(value) && (value as number) < end;

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Why not, in words that hold nothing of the value's own; undefined when it has the shape. */
export function misfit(shape: Readonly<Record<string, Check>>, value: unknown): string | undefined {
  if (!isObject(value)) return 'no object';
  for (const name of Object.keys(value)) if (!Object.hasOwn(shape, name)) return 'a field that is unknown';
  for (const [name, check] of Object.entries(shape)) if (!check(value[name])) return `the field ${name}`;
  return undefined;
}
