import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../cluster/free-port.js'
import { until } from '../cluster/until.js'
import { deployed } from './deployed.js'

const OUTPUT_MAX = 4_000
const READY_MS_MAX = 60_000

/** One series of an instant query. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [number, string]
}

export interface Rule {
  readonly name: string
  readonly query: string
  readonly health: string
  readonly lastError?: string
  readonly evaluationTime: number
}

export interface ActiveAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly state: 'pending' | 'firing'
}

/** A Prometheus of our own that scrapes every second. Its configuration is deploy/prometheus.yml with other targets and shorter
 *  times; its rules are deploy/alerts.yml with every `for` at 0 s, so that an alert fires at the first evaluation that finds it. */
export class Prometheus {
  #output = ''

  private constructor(
    readonly url: string,
    readonly child: ChildProcess,
  ) {
    const take = (text: string) => {
      this.#output = (this.#output + text).slice(-OUTPUT_MAX)
    }
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', take)
  }

  /** @param dir where everything is kept
   *  @param targets `host:port` each
   *  @param token what it shows to them */
  static async start(dir: string, targets: readonly string[], token: string): Promise<Prometheus> {
    const port = await freePort()
    mkdirSync(dir)
    writeFileSync(join(dir, 'tallymesh.token'), `${token}\n`, { mode: 0o600 })
    writeFileSync(join(dir, 'alerts.yml'), deployed('alerts.yml').replace(/^ {8}for: .*$/gm, '        for: 0s'))
    writeFileSync(join(dir, 'prometheus.yml'), configuration(targets))
    const args = [
      `--config.file=${join(dir, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      '--storage.tsdb.retention.size=64MB',
      `--web.listen-address=127.0.0.1:${port}`,
      '--query.timeout=10s',
      '--query.lookback-delta=10s',
      '--log.level=warn',
    ]
    const child = spawn('prometheus', args, { stdio: ['ignore', 'pipe', 'pipe'] })
    process.on('exit', () => child.kill('SIGKILL'))
    const prometheus = new Prometheus(`http://127.0.0.1:${port}`, child)
    await until(
      'Prometheus to be ready',
      async () => {
        if (child.exitCode !== null) throw new Error(`Prometheus ended: ${prometheus.#output}`)
        return fetch(`${prometheus.url}/-/ready`).then(
          ({ ok, status }) => ok || `${status}`,
          (error: Error) => error.message,
        )
      },
      READY_MS_MAX,
    )
    return prometheus
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const exited = once(this.child, 'exit')
    this.child.kill()
    await exited
  }

  async query(expr: string): Promise<Series[]> {
    const { result } = await this.#ask<{ result: Series[] }>(`query?query=${encodeURIComponent(expr)}`)
    return result
  }

  /** The values that a label has over the series of a selector: what a dashboard's variable offers. */
  labelValues(label: string, selector: string): Promise<string[]> {
    return this.#ask(`label/${label}/values?match[]=${encodeURIComponent(selector)}`)
  }

  async rules(): Promise<Rule[]> {
    const { groups } = await this.#ask<{ groups: Array<{ rules: Rule[] }> }>('rules')
    return groups.flatMap(group => group.rules)
  }

  async alerts(): Promise<ActiveAlert[]> {
    return (await this.#ask<{ alerts: ActiveAlert[] }>('alerts')).alerts
  }

  /** What every target of the job last failed with; '' where it did not. */
  async scrapeErrors(): Promise<string[]> {
    const { activeTargets } = await this.#ask<{ activeTargets: Array<{ lastError: string }> }>('targets')
    return activeTargets.map(({ lastError }) => lastError)
  }

  async #ask<Data>(path: string): Promise<Data> {
    const response = await fetch(`${this.url}/api/v1/${path}`)
    const answer = (await response.json()) as { status: string; data: Data; error?: string }
    if (answer.status !== 'success') throw new Error(`Prometheus refused ${decodeURIComponent(path)}: ${answer.error}`)
    return answer.data
  }
}

function configuration(targets: readonly string[]): string {
  const listed = targets.map(target => `          - ${target}\n`).join('')
  return deployed('prometheus.yml')
    .replace(/^ {2}(scrape|evaluation)_interval: 15s$/gm, '  $1_interval: 1s')
    .replace(/scrape_timeout: 10s/, 'scrape_timeout: 1s')
    .replace(/(?: {10}- \d.*\n)+/, listed)
}
