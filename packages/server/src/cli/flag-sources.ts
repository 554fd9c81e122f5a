import { usageError } from './exit-code.js'
import { type Flag, type Flags, flagName, isToggle, type Values } from './flag.js'
import { didYouMean } from './nearest.js'
import type { SettingsFile } from './settings-file.js'

/** Where the settings of a command stand, the strongest first. */
export interface Sources {
  /** As typed: the texts of each flag by its name in camelCase; `[]` for one that takes no value. */
  readonly typed: ReadonlyMap<string, readonly string[]>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly file: SettingsFile | undefined
}

/** Each setting from the flag, else the environment, else the file, else its default; checked. An environment variable that
 *  is empty counts as absent.
 *  @throws CommandError (usage) that names the source, what the value must be, and what it is */
export function readFlags<Given extends Flags>(flags: Given, sources: Sources): Values<Given> {
  if (sources.file) checkNames(flags, sources.file)
  const entries = Object.entries(flags).map(([name, flag]) => [name, readFlag(name, flag, sources)])
  return Object.fromEntries(entries) as Values<Given>
}

function readFlag(name: string, flag: Flag<unknown>, { typed, env, file }: Sources): unknown {
  const texts = typed.get(name)
  if (texts) return isToggle(flag) ? true : fromTexts(flag, texts, flagName(name))
  const variable = flag.env === undefined ? undefined : env[flag.env]
  if (variable) return fromTexts(flag, [variable], flag.env as string)
  const setting = file?.settings.get(name)
  if (file && setting !== undefined) return fromSetting(flag, setting, `${file.path}: ${name}`)
  if (flag.default !== undefined) return fromTexts(flag, [flag.default], flagName(name))
  return flag.list ? [] : isToggle(flag) ? false : undefined
}

function fromTexts(flag: Flag<unknown>, texts: readonly string[], where: string): unknown {
  if (!flag.list) return fromText(flag, texts.at(-1) as string, where)
  return texts
    .flatMap(text => text.split(','))
    .map(text => text.trim())
    .filter(text => text !== '')
    .map(text => fromText(flag, text, where))
}

function fromText({ kind }: Flag<unknown>, text: string, where: string): unknown {
  const value = kind.parse(text)
  if (value !== undefined) return value
  throw usageError(`${where} must be ${kind.must}, got ${show(text)}`)
}

function fromSetting(flag: Flag<unknown>, setting: unknown, where: string): unknown {
  if (flag.list && Array.isArray(setting)) return setting.map(item => fromJson(flag, item, where))
  const value = fromJson(flag, setting, where)
  return flag.list ? [value] : value
}

function fromJson({ kind }: Flag<unknown>, setting: unknown, where: string): unknown {
  const value = typeof setting === kind.json ? kind.parse(String(setting)) : undefined
  if (value !== undefined) return value
  throw usageError(`${where} must be ${kind.must}${kind.json === 'number' ? ' (a number)' : ''}, got ${show(setting)}`)
}

function checkNames(flags: Flags, { path, settings }: SettingsFile): void {
  const known = Object.keys(flags).filter(name => name !== 'config')
  for (const name of settings.keys()) {
    if (!known.includes(name)) throw usageError(`${path}: ${show(name)} is no setting${didYouMean(name, known)}`)
  }
}

/** Variables that look like misspelled settings. Others are left alone: Kubernetes makes some for services of that name. */
export function strayVariables(flags: Flags, env: Sources['env'], alsoKnown: readonly string[]): string[] {
  const known = [...Object.values(flags).flatMap(flag => flag.env ?? []), ...alsoKnown]
  return Object.keys(env)
    .filter(name => name.startsWith('TALLYMESH_') && !known.includes(name))
    .flatMap(name => {
      const hint = didYouMean(name, known)
      return hint === '' ? [] : [`the environment variable ${name} is not known${hint}`]
    })
}

/** A value as it was given, cut short. What holds an @ may hold a password. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  if (text.includes('@')) return 'a text with "@"'
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}
