import type { Kind } from './flag-kind.js'

/** A setting of a command: a flag, and where it has them, an environment variable and a name in the file of settings. */
export interface Flag<Value> {
  readonly kind: Kind<unknown>
  /** Given more than once, or as a comma list. */
  readonly list: boolean
  readonly meaning: string
  readonly group: string
  readonly env: string | undefined
  /** As it would be typed; undefined where leaving it away means none. */
  readonly default: string | undefined
  /** Types the answer of `readFlags`; never there. */
  readonly __value?: Value
}

/** The settings of a command by their names in camelCase; `drainMs` is the flag `--drain-ms`. */
export type Flags = Readonly<Record<string, Flag<unknown>>>

/** What a command gets of its settings. */
export type Values<Given extends Flags> = {
  readonly [Name in keyof Given]: Given[Name] extends Flag<infer Value> ? Value : never
}

/** How a setting is explained. */
export interface Wording {
  readonly meaning: string
  readonly group?: string
  readonly env?: string
}

/** A setting that may be left away. */
export function optional<Value>(kind: Kind<Value>, wording: Wording): Flag<Value | undefined> {
  return { ...complete(wording), kind, list: false, default: undefined }
}

/** A setting with a default, which is written as it would be typed. */
export function defaulted<Value>(kind: Kind<Value>, fallback: string, wording: Wording): Flag<Value> {
  return { ...complete(wording), kind, list: false, default: fallback }
}

/** A setting that may be given more than once; none is an empty list, or the default. */
export function list<Value>(kind: Kind<Value>, wording: Wording & { default?: string }): Flag<readonly Value[]> {
  return { ...complete(wording), kind, list: true, default: wording.default }
}

/** A setting that is on or off. */
export function toggle(wording: Wording): Flag<boolean> {
  return { ...complete(wording), kind: ON_OFF, list: false, default: undefined }
}

/** `drainMs` as it is typed: `--drain-ms`. */
export function flagName(name: string): string {
  return `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
}

export function isToggle(flag: Flag<unknown>): boolean {
  return flag.kind === ON_OFF
}

const ON_OFF: Kind<boolean> = {
  placeholder: '',
  must: 'true or false',
  range: undefined,
  json: 'boolean',
  parse: text => (/^(?:true|1|yes|on)$/i.test(text) ? true : /^(?:false|0|no|off)$/i.test(text) ? false : undefined),
}

function complete(wording: Wording): { meaning: string; group: string; env: string | undefined } {
  return { meaning: wording.meaning, group: wording.group ?? 'Options', env: wording.env }
}
