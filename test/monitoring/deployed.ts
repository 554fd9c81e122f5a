import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the repository; this file is compiled to test/dist/monitoring. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** A panel of a Grafana dashboard, as far as the tests look at it. */
export interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly datasource?: { readonly type: string; readonly uid: string }
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number }
  readonly targets?: ReadonlyArray<{
    readonly expr: string
    readonly refId: string
    readonly datasource: { readonly uid: string }
  }>
}

export interface Variable {
  readonly name: string
  readonly type: string
  readonly definition?: string
}

export interface Dashboard {
  readonly uid: string
  readonly schemaVersion: number
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly Variable[] }
}

/** An alert as its file writes it. */
export interface AlertText {
  readonly name: string
  readonly expr: string
  readonly severity: string
  readonly runbook: string
}

export function deployed(file: string): string {
  return readFileSync(join(ROOT, 'deploy', file), 'utf8')
}

export function readDashboard(): Dashboard {
  return JSON.parse(deployed('grafana-dashboard.json')) as Dashboard
}

/** Reads the alerts without a YAML parser: promtool has judged the file, and its form is ours. */
export function readAlerts(): AlertText[] {
  return deployed('alerts.yml')
    .split(/^ {6}- alert: /m)
    .slice(1)
    .map(text => ({
      name: text.slice(0, text.indexOf('\n')),
      expr: field(text, /^ {8}expr: (?:\|\n((?: {10}.*\n)+)|(.*)\n)/m),
      severity: field(text, /^ {10}severity: (.*)$/m),
      runbook: field(text, /^ {10}runbook: (.*)$/m),
    }))
}

function field(text: string, pattern: RegExp): string {
  const found = pattern.exec(text)
  return found?.[1] ?? found?.[2] ?? ''
}

/** The names of tallymesh's metrics in a PromQL expression. */
export function metricsIn(expr: string): string[] {
  return [...new Set(expr.match(/\btallymesh_[a-z_]+\b/g) ?? [])]
}

/** The selectors of tallymesh's metrics in a PromQL expression: `metric{…}`, or the bare name. */
export function selectorsIn(expr: string): string[] {
  return [...new Set(expr.match(/\btallymesh_[a-z_]+(?:\{[^}]*\})?/g) ?? [])]
}

/** A metric without what a histogram's series have added to its name. */
export function familyOf(metric: string): string {
  return metric.replace(/(?<=_seconds|_entries)_(?:bucket|sum|count)$/, '')
}
