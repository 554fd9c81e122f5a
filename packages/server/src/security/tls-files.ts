import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { TallymeshError } from '@tallymesh/crdt'

/** Paths of PEM files. */
export interface TlsFiles {
  /** This node's certificate, followed by those of its intermediate authorities. */
  readonly cert: string
  /** Its private key. */
  readonly key: string
  /** The authorities that sign the certificates of the room's nodes. Given, every peer must present such a certificate. */
  readonly ca?: string | undefined
}

/** What the files hold. */
export interface TlsMaterial {
  readonly cert: Buffer
  readonly key: Buffer
  readonly ca?: Buffer
  /** When the certificate ends, in ms since 1970. */
  readonly validToMs: number
}

/** Reads the files and tries them. @throws TallymeshError TLS_UNUSABLE, which names the file and shows nothing of it */
export async function loadTls(files: TlsFiles): Promise<TlsMaterial> {
  const cert = await read('certificate', files.cert)
  const key = await read('private key', files.key)
  const ca = files.ca === undefined ? undefined : await read('certificate authority', files.ca)
  const validToMs = Date.parse(certificate('certificate', files.cert, cert).validTo)
  if (ca !== undefined) certificate('certificate authority', files.ca as string, ca)
  const material = { cert, key, ...(ca === undefined ? {} : { ca }) }
  try {
    createSecureContext(material)
  } catch (cause) {
    const text = `the certificate ${files.cert} and the key ${files.key} cannot be used together`
    throw new TallymeshError('TLS_UNUSABLE', `${text}: ${(cause as Error).message}`, { cause })
  }
  return { ...material, validToMs }
}

function certificate(what: string, path: string, pem: Buffer): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (cause) {
    throw new TallymeshError('TLS_UNUSABLE', `the ${what} ${path} is not a certificate in PEM form`, { cause })
  }
}

async function read(what: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new TallymeshError('TLS_UNUSABLE', `the ${what} ${path} cannot be read: ${(cause as Error).message}`, {
      cause,
    })
  }
}
