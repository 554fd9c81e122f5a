/** What values a setting takes. */
export interface Kind<Value> {
  /** Stands for the value in the help: `MS`, `FILE`. */
  readonly placeholder: string
  /** Ends the sentence `--flag must be …`. */
  readonly must: string
  /** The range as the help shows it. */
  readonly range: string | undefined
  /** How the value stands in a file of settings. */
  readonly json: 'string' | 'number' | 'boolean'
  /** @returns undefined for what is not of the kind */
  parse(text: string): Value | undefined
}

/** An address to listen on. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

const PORT_MAX = 65_535

export function text(placeholder: string, bytesMax = 4_096): Kind<string> {
  return {
    placeholder,
    must: `a text of 1 to ${bytesMax} bytes`,
    range: undefined,
    json: 'string',
    parse: text => (text !== '' && !text.includes('\0') && Buffer.byteLength(text) <= bytesMax ? text : undefined),
  }
}

export function file(placeholder = 'FILE'): Kind<string> {
  return { ...text(placeholder), must: 'a path' }
}

/** A whole number in decimal digits. */
export function integer(placeholder: string, min: number, max: number): Kind<number> {
  return {
    placeholder,
    must: `an integer from ${min} to ${max}`,
    range: `${min} to ${max}`,
    json: 'number',
    parse: text => {
      const number = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN
      return number >= min && number <= max ? number : undefined
    },
  }
}

export function choice<const Name extends string>(placeholder: string, names: readonly Name[]): Kind<Name> {
  const listed = `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
  return {
    placeholder,
    must: listed,
    range: listed,
    json: 'string',
    parse: text => names.find(name => name === text),
  }
}

/** How many nodes must hold an add: a number or `majority`. */
export const replicas: Kind<number | 'majority'> = {
  placeholder: 'N',
  must: 'an integer from 1 to 64 or majority',
  range: '1 to 64 or majority',
  json: 'string',
  parse: text => (text === 'majority' ? text : integer('N', 1, 64).parse(text)),
}

/** `127.0.0.1:7001`, `[::1]:7001`, `localhost:0`. */
export const listenAddress: Kind<ListenAddress> = {
  placeholder: 'HOST:PORT',
  must: 'HOST:PORT, such as 127.0.0.1:7001 or [::1]:7001 (port 0 takes a free one)',
  range: undefined,
  json: 'string',
  parse: text => {
    const [, six, four, digits] = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.]+)?)\]|([\w.-]+)):(\d{1,5})$/.exec(text) ?? []
    const host = six ?? four
    const port = Number(digits)
    if (host === undefined || port > PORT_MAX) return undefined
    if (six !== undefined && !URL.canParse(`http://[${six.replace(/%.*/, '')}]`)) return undefined
    return { host, port }
  },
}

/** Where another node is dialed. */
export const peerAddress: Kind<string> = {
  placeholder: 'ADDRESS',
  must: 'ws://HOST:PORT, wss://HOST:PORT or dns:NAME:PORT',
  range: undefined,
  json: 'string',
  parse: text => {
    const [, port] = /^dns:[\w.-]+:(\d{1,5})$/.exec(text) ?? []
    if (port !== undefined) return Number(port) >= 1 && Number(port) <= PORT_MAX ? text : undefined
    return socketAddress.parse(text)
  },
}

/** Where this node is dialed by others. */
export const socketAddress: Kind<string> = {
  placeholder: 'URL',
  must: 'ws://HOST:PORT or wss://HOST:PORT',
  range: undefined,
  json: 'string',
  parse: text => (/^wss?:\/\/[^\s/\\?#@]+(?:\/|\/mesh)?$/i.test(text) && URL.canParse(text) ? text : undefined),
}

/** `none` where this node is to be dialed by nobody. */
export const advertisedAddress: Kind<string> = {
  ...socketAddress,
  must: 'ws://HOST:PORT or wss://HOST:PORT, or none',
  parse: text => (text === 'none' ? text : socketAddress.parse(text)),
}

/** Where a server answers. Credentials do not belong there: they would end up in logs. */
export const serverUrl: Kind<string> = {
  placeholder: 'URL',
  must: 'http://HOST:PORT or https://HOST:PORT, without credentials, query or fragment',
  range: undefined,
  json: 'string',
  parse: text =>
    /^https?:\/\/[^\s\\?#@]+$/i.test(text) && URL.canParse(text) ? new URL(text).href.replace(/\/+$/, '') : undefined,
}

/** The origin of web pages. */
export const webOrigin: Kind<string> = {
  placeholder: 'ORIGIN',
  must: 'an origin such as https://example.org',
  range: undefined,
  json: 'string',
  parse: text => (URL.canParse(text) && new URL(text).origin === text ? text : undefined),
}
