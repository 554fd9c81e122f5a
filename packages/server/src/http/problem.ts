import { STATUS_CODES } from 'node:http'
import { ERROR_CODES, type ErrorCode, TallymeshError } from '@tallymesh/crdt'

/** Whether an add that failed was counted. */
export type Counted = boolean | 'perhaps'

/** An error as RFC 9457 writes it, with the code of the error. */
export interface Problem {
  readonly type: 'about:blank'
  readonly title: string
  readonly status: number
  readonly code: ErrorCode
  readonly detail: string
  readonly counted?: Counted
}

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

const STATUS: Partial<Record<ErrorCode, number>> = {
  INVALID_NAME: 400,
  INVALID_AMOUNT: 400,
  INVALID_OPTION: 400,
  REQUEST_INVALID: 400,
  EXPORT_DAMAGED: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  CERTIFICATE_REFUSED: 403,
  NOT_FOUND: 404,
  MEMBER_UNKNOWN: 404,
  METHOD_NOT_ALLOWED: 405,
  INVALID_OPERATION: 400,
  COUNTER_OVERFLOW: 409,
  OPERATION_MISMATCH: 409,
  MEMBER_UP: 409,
  LEAVE_REFUSED: 409,
  EXPORT_WRONG_ROOM: 409,
  OPERATION_EXPIRED: 410,
  BODY_TOO_LARGE: 413,
  OPERATION_TOO_LARGE: 413,
  MEDIA_TYPE_UNSUPPORTED: 415,
  RATE_LIMITED: 429,
  NOT_READY: 503,
  NODE_CLOSED: 503,
  OPERATIONS_FULL: 503,
  OPERATIONS_UNAVAILABLE: 503,
  INDETERMINATE: 504,
  NOT_REPLICATED: 504,
  LEAVE_TIMEOUT: 504,
  NOT_CAUGHT_UP: 504,
}

/** Every code that a request can be refused with. */
export const PROBLEM_CODES: readonly string[] = Object.keys(STATUS)

/** An error with an HTTP status of its own, such as 408 for a request that does not end. */
export class HttpError extends TallymeshError {
  readonly status: number

  constructor(status: number, code: ErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
    this.status = status
  }
}

/** Whether an error has a place in the contract; any other is a fault of the server, which is logged. */
export function isExpected(error: unknown): error is TallymeshError {
  return error instanceof TallymeshError && statusOf(error) !== undefined
}

/** The answer to a request that failed.
 *  @param adds whether the request was to count something: then the answer says whether it did */
export function problemOf(error: unknown, adds: boolean): Problem {
  if (!isExpected(error)) {
    const detail = 'the server met an error that it did not expect; its log has more'
    return problem(500, adds ? 'INDETERMINATE' : 'NOT_READY', detail, adds ? 'perhaps' : undefined)
  }
  return problem(
    statusOf(error) as number,
    error.code,
    publicDetail(error, adds),
    adds ? counted(error.code) : undefined,
  )
}

/** What the system says of a disk, in its own words or in LevelDB's. */
const DISK_TROUBLE: ReadonlyArray<readonly [RegExp, string]> = [
  [/\bENOSPC\b|no space left on device/i, 'ENOSPC: the disk is full'],
  [/\bEDQUOT\b|quota exceeded/i, 'EDQUOT: the disk quota is used up'],
  [/\bEROFS\b|read-only file system/i, 'EROFS: the disk is read-only'],
  [/\bEIO\b|input\/output error/i, 'EIO: the disk cannot be read or written'],
  [/\bE[MN]FILE\b|too many open files/i, 'EMFILE: too many files are open'],
  [/\b(?:EACCES|EPERM)\b|permission denied|operation not permitted/i, 'EACCES: the permission is denied'],
]
const NOTHING_COUNTED = /[;.,] nothing was counted(?=$|[;.,])/gi

/** The message of an error as strangers may read it: of what lies behind it the kind, without paths; the log has the rest.
 *  @param adds whether something was to be counted: else nothing is said of that */
export function publicDetail(error: TallymeshError, adds: boolean): string {
  const { message, cause } = error
  const shown = cause instanceof TallymeshError ? message.replaceAll(cause.message, () => briefly(cause)) : message
  return adds ? shown : shown.replace(NOTHING_COUNTED, '')
}

function briefly(error: TallymeshError): string {
  // Messages about anything else may hold such words for other reasons.
  const ofDisk = /^(?:STORE|WITNESS)_/.test(error.code)
  for (let at: unknown = error; ofDisk && at instanceof Error; at = at.cause) {
    const { message } = at
    const trouble = DISK_TROUBLE.find(([words]) => words.test(message))
    if (trouble) return trouble[1]
  }
  return `${error.code}: ${ERROR_CODES[error.code]}`
}

function statusOf(error: TallymeshError): number | undefined {
  return error instanceof HttpError ? error.status : STATUS[error.code]
}

function problem(status: number, code: ErrorCode, detail: string, counts: Counted | undefined): Problem {
  const title = STATUS_CODES[status] as string
  return { type: 'about:blank', title, status, code, detail, ...(counts === undefined ? {} : { counted: counts }) }
}

function counted(code: ErrorCode): Counted {
  // An earlier try of an operation that is forgotten may have counted.
  if (code === 'INDETERMINATE' || code === 'OPERATION_EXPIRED') return 'perhaps'
  return code === 'NOT_REPLICATED'
}

/** Headers that belong to a problem. */
export function problemHeaders({ status, code }: Problem): Record<string, string> {
  if (status === 401) return { 'www-authenticate': 'Bearer' }
  if (status === 503 || code === 'RATE_LIMITED') return { 'retry-after': '1' }
  return {}
}

/** A whole HTTP answer, for sockets that Fastify does not answer on. The connection ends with it.
 *  @param adds whether the request may have been to count something */
export function rawProblem(error: unknown, node: string, adds = false): string {
  const found = problemOf(error, adds)
  const body = JSON.stringify(found)
  const headers: Record<string, string> = {
    'content-type': PROBLEM_TYPE,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
    'tallymesh-node': headerText(node),
    // A peer that dials reads no bodies.
    'tallymesh-code': found.code,
    ...problemHeaders(found),
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${found.status} ${found.title}\r\n${lines.join('')}\r\n${body}`
}

/** A name as a header may hold it: names may have any character, headers only ASCII. */
export function headerText(name: string): string {
  return /^[\x20-\x7e]*$/.test(name) ? name : encodeURIComponent(name)
}
