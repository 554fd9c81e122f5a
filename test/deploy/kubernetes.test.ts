import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseAllDocuments } from 'yaml'
import { until } from '../cluster/until.js'
import { freePort, startHelp, whileRunning } from './start-program.js'

const test = suite('deploy: kubernetes.yaml')
const FILE = fileURLToPath(new URL('../../../deploy/kubernetes.yaml', import.meta.url))

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
}

interface Container {
  readonly args: readonly string[]
  readonly env: readonly { readonly name: string }[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly startupProbe: Probe
  readonly livenessProbe: Probe
  readonly readinessProbe: Probe
  readonly securityContext: { readonly readOnlyRootFilesystem: boolean; readonly allowPrivilegeEscalation: boolean }
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
}

interface Volume {
  readonly name: string
  readonly emptyDir?: { readonly medium?: string }
}

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels: { readonly app: string } }
  readonly stringData: { readonly tokens: string }
  readonly spec: {
    readonly clusterIP?: string
    readonly publishNotReadyAddresses?: boolean
    readonly serviceName: string
    readonly selector: { readonly app?: string; readonly matchLabels?: { readonly app: string } }
    readonly ports: readonly { readonly port: number; readonly targetPort: string }[]
    readonly template: {
      readonly metadata: { readonly labels: { readonly app: string } }
      readonly spec: {
        readonly terminationGracePeriodSeconds: number
        readonly securityContext: { readonly runAsNonRoot: boolean }
        readonly containers: readonly Container[]
        readonly volumes: readonly Volume[]
      }
    }
    readonly volumeClaimTemplates: readonly { readonly metadata: { readonly name: string } }[]
  }
}

const documents = parseAllDocuments(readFileSync(FILE, 'utf8'))
const manifests = documents.map(document => document.toJS() as Manifest)
const room = manifests.find(({ kind }) => kind === 'StatefulSet') as Manifest
const pod = room.spec.template.spec
const container = pod.containers[0] as Container
const probes = [container.startupProbe, container.livenessProbe, container.readinessProbe]

test('it is YAML without errors, of the kinds that a room needs', () => {
  for (const { errors, warnings } of documents) assert.equal([...errors, ...warnings], [])
  assert.equal(
    manifests.map(({ kind }) => kind),
    ['Secret', 'Service', 'Service', 'PodDisruptionBudget', 'StatefulSet'],
  )
})

test('selectors, labels, ports and volumes fit one another', () => {
  const { app } = room.spec.template.metadata.labels
  for (const { kind, spec } of manifests.slice(1))
    assert.is(spec.selector.app ?? spec.selector.matchLabels?.app, app, kind)
  const headless = manifests.find(({ spec }) => spec?.clusterIP === 'None') as Manifest
  assert.is(headless.spec.publishNotReadyAddresses, true)
  assert.is(headless.metadata.name, room.spec.serviceName)
  const [port] = container.ports
  for (const { kind, spec } of manifests) {
    if (kind === 'Service')
      assert.equal(
        spec.ports.map(({ targetPort }) => targetPort),
        [port?.name],
      )
  }
  for (const { httpGet } of probes) assert.is(httpGet.port, port?.name)
  const volumes = [...pod.volumes, ...room.spec.volumeClaimTemplates.map(({ metadata }) => metadata)].map(
    ({ name }) => name,
  )
  assert.equal(container.volumeMounts.map(({ name }) => name).sort(), volumes.sort())
})

test('the witness lies in memory, the process has no rights and writes only where it may', () => {
  const mount = container.volumeMounts.find(({ name }) => name === 'witness')
  assert.is(pod.volumes.find(({ name }) => name === 'witness')?.emptyDir?.medium, 'Memory')
  const flag = (name: string) => container.args.find(arg => arg.startsWith(`${name}=`))?.slice(name.length + 1) ?? ''
  assert.ok(flag('--runtime-dir').startsWith(`${mount?.mountPath}/`))
  assert.ok(flag('--data').startsWith('/data/'))
  assert.is(pod.securityContext.runAsNonRoot, true)
  assert.is(container.securityContext.readOnlyRootFilesystem, true)
  assert.is(container.securityContext.allowPrivilegeEscalation, false)
})

test('nodes find one another by the headless service', () => {
  const peer = container.args.find(arg => arg.startsWith('--peer='))
  assert.is(peer, `--peer=dns:${room.spec.serviceName}:${container.ports[0]?.containerPort}`)
})

test('every flag is one of tallymesh start, and a stop has time enough', () => {
  const [command, ...flags] = container.args
  assert.is(command, 'start')
  const help = startHelp()
  for (const flag of flags) assert.match(help, new RegExp(`^ +${flag.split('=', 1)[0]} `, 'm'))
  const defaults = ['drain-ms', 'shutdown-timeout-ms', 'close-timeout-ms'].map(name => defaultOf(help, name))
  const longestMs = defaults.reduce((sum, ms) => sum + ms, 0)
  assert.ok(pod.terminationGracePeriodSeconds * 1_000 > longestMs, `${longestMs} ms`)
})

test('tallymesh start takes these arguments, and answers the probes', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tallymesh-kubernetes-'))
  const port = await freePort()
  const tokens = join(dir, 'tokens')
  writeFileSync(tokens, manifests[0]?.stringData.tokens ?? '', { mode: 0o600 })
  const changes: [string, string][] = [
    ['$(POD_NAME).tallymesh-peers.$(POD_NAMESPACE).svc.cluster.local:7001', `localhost:${port}`],
    ['$(POD_NAME)', 'tallymesh-0'],
    ['dns:tallymesh-peers:7001', `dns:localhost:${port}`],
    ['0.0.0.0:7001', `127.0.0.1:${port}`],
    ['/etc/tallymesh/tokens', tokens],
    ['=/data/', `=${dir}/data/`],
    ['/run/tallymesh/', `${dir}/run/`],
  ]
  const args = container.args.map(arg => changes.reduce((arg, [from, to]) => arg.replace(from, to), arg))
  try {
    await whileRunning(args, {}, async said => {
      for (const { httpGet } of probes) {
        const answers = async () => {
          const response = await fetch(`http://127.0.0.1:${port}${httpGet.path}`).catch(() => undefined)
          return response?.status === 200 || `${response?.status} ${said()}`
        }
        await until(`${httpGet.path} to be answered`, answers, 60_000)
      }
    })
  } finally {
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
  }
})

/** The default of a flag in ms, as the help gives it. */
function defaultOf(help: string, flag: string): number {
  const text = help.slice(help.indexOf(`--${flag} `)).split(/\n +--/, 1)[0] ?? ''
  const found = /(?:default|left away:?) (\d+)/.exec(text.replace(/\s+/g, ' '))
  assert.ok(found, `the help gives no default of --${flag}: ${text}`)
  return Number(found?.[1])
}

test.run()
