import type { ServerOptions } from '../options.js'
import type { TlsFiles } from '../security/tls-files.js'
import { Tokens } from '../security/tokens.js'
import { usageError } from './exit-code.js'
import type { Values } from './flag.js'
import type { START_FLAGS } from './start-flags.js'

type StartValues = Values<typeof START_FLAGS>

/** What `startServer` is given for what was set. @throws CommandError (usage), TallymeshError TOKENS_UNUSABLE */
export async function serverOptions(
  values: StartValues,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ServerOptions> {
  const {
    name,
    data,
    peer,
    origin,
    advertise,
    config,
    logLevel,
    logFormat,
    noWitness,
    leaveOnSigterm: _leave,
    ...rest
  } = values
  const { tokensFile, tlsCert, tlsKey, tlsCa, runtimeDir, ...same } = rest
  if (name === undefined) throw usageError('--name must name this node, such as --name a')
  if (data === undefined) throw usageError('--data must name the data directory of this node, such as --data ./data/a')
  if (advertise.length > 1 && advertise.includes('none')) throw usageError('--advertise none excludes addresses')
  if (noWitness && runtimeDir !== undefined) throw usageError('--no-witness and --runtime-dir exclude each other')
  return {
    ...same,
    name,
    dataDir: data,
    peers: peer,
    origins: origin,
    advertise: advertise.length === 0 ? undefined : advertise.filter(address => address !== 'none'),
    runtimeDir: noWitness ? false : runtimeDir,
    tls: tlsFiles(tlsCert, tlsKey, tlsCa),
    tokens: await readTokens(tokensFile, env),
  }
}

function tlsFiles(cert: string | undefined, key: string | undefined, ca: string | undefined): TlsFiles | undefined {
  if (cert !== undefined && key !== undefined) return { cert, key, ca }
  if (cert === undefined && key === undefined && ca === undefined) return undefined
  throw usageError('--tls-cert and --tls-key must be given together, and --tls-ca only with them')
}

function readTokens(file: string | undefined, env: Readonly<Record<string, string | undefined>>): Promise<Tokens> {
  // A variable that is empty counts as absent.
  return Tokens.open({ file, list: env.TALLYMESH_TOKENS || undefined, token: env.TALLYMESH_TOKEN || undefined })
}
