/** Every code that a TallymeshError can carry, with what it means. Codes are stable: programs may branch on them. */
export const ERROR_CODES = {
  INVALID_NAME: 'a counter, label, node or room name breaks the rules for names; nothing was done',
  INVALID_AMOUNT: 'an amount is not an integer from 1 to 2^53 - 1; nothing was counted',
  INVALID_OPTION: 'an option has a value outside its range; nothing was started',
  INVALID_URL: 'an address is not of the form ws://host:port or wss://host:port',
  INVALID_OPERATION: 'an operation id is not a UUID, or is made for a time that is far ahead; nothing was counted',
  OPERATION_TOO_LARGE:
    'an operation counts on too many keys, or on keys that are too long together; nothing was counted',
  OPERATION_MISMATCH: 'this operation id was used with other counts before; nothing was counted',
  OPERATION_EXPIRED:
    'the operation is older than the retry window and not known here; nothing was counted now, but an earlier try may have been',
  OPERATIONS_FULL: 'as many operations are known as the node keeps; nothing was counted. Counts without an id go on',
  OPERATIONS_UNAVAILABLE:
    'this node takes no operations until every member of the room knows of it; nothing was counted. Counts without an id go on',
  COUNTER_OVERFLOW: 'the counter would pass 2^53 - 1 increments or decrements; nothing was counted',
  VALUE_UNSAFE: 'the value does not fit a number exactly; read it with valueBigInt',
  BATCH_DAMAGED: 'a batch fails its checksum or breaks the format',
  BATCH_UNSUPPORTED: 'a batch was written by a newer version of tallymesh',
  UPDATE_REFUSED: 'an update holds something that a log may not hold; it was dropped unapplied',
  LOG_DAMAGED: 'a log does not match its own digest; it is fetched again from another peer',
  LOG_FORKED: 'two different histories exist under one replica id',
  STORE_LOCKED: 'another process has this data directory open',
  STORE_CORRUPT: 'stored data is damaged',
  STORE_UNSUPPORTED: 'the data directory was written by a newer version of tallymesh',
  STORE_UNUSABLE: 'the data directory cannot be created, read or written',
  STORE_WRONG_ROOM: 'the data directory belongs to another room',
  STORE_WRITE_FAILED: 'the disk refused a write; the store must be reopened before it is written again',
  STORE_CLOSED: 'the store is closed',
  STORE_BEHIND:
    'the data directory is older than what this machine last acknowledged, or holds another history of it; what it lacks comes back from peers',
  STORE_WIPED: 'the data directory is new, but this machine knew an older one in its place',
  WITNESS_UNAVAILABLE: 'no witness can be kept on this machine; every start takes a fresh replica id',
  WITNESS_STUCK: 'the witness can be neither written nor removed; nothing more is acknowledged',
  INDETERMINATE: 'the disk failed while the commit was written; it may or may not have been counted',
  NOT_REPLICATED: 'counted and durable here, but the wanted number of nodes did not confirm in time; do not retry',
  NOT_READY: 'the node may not count now; nothing was counted',
  NOT_CAUGHT_UP: 'this node did not take in everything up to the position that was asked for in time',
  NODE_CLOSED: 'the node is closed; nothing was counted',
  IDENTITY_CONTESTED: 'the replica id changed more than three times in an hour; somebody else uses this identity',
  LISTEN_FAILED: 'the address cannot be listened on',
  FRAME_DAMAGED: 'a frame fails its checksum or breaks the format; the link was closed',
  FRAME_TOO_LARGE: 'a frame is longer than the limit; the link was closed',
  LINK_FAILED: 'a connection could not be made or broke',
  UNAUTHORIZED: 'the token is missing or wrong',
  CERTIFICATE_REFUSED: 'a TLS certificate was not accepted, of the peer or by it; no link was made',
  TLS_UNUSABLE: 'a certificate, key or authority that this node was given cannot be used',
  SEED_UNRESOLVED: 'the name of a dns: seed does not resolve; it is asked again every few seconds',
  WRONG_ROOM: 'the peer belongs to another room',
  WRONG_VERSION: 'the peer speaks another version of the protocol',
  WRONG_PROTOCOL: 'the other side does not speak the tallymesh protocol',
  MEMBER_REMOVED: 'this store was removed from the room; it may come back only with an empty directory',
  MEMBER_UP: 'a member that is up cannot be removed; stop it first',
  MEMBER_UNKNOWN: 'no member has this name',
  LEAVE_REFUSED:
    'a node cannot leave while no other member stays: what the room counted would be nowhere; it is still a member',
  LEAVE_TIMEOUT:
    'the other members did not confirm in time what this node holds, or that it left: it closed, and the message says whether it is still a member; nothing is lost',
  PEER_SLOW: 'the peer reads too slowly; the link was cut and will catch up later',
  DOOR_READ_ONLY: 'the y-websocket door is read-only; the write was refused and changed nothing',
  REQUEST_INVALID:
    'a request breaks the HTTP API: its JSON, a parameter, a header or the form of HTTP; nothing was counted',
  FORBIDDEN: 'the token, or the certificate, is known but does not allow this; nothing was done',
  NOT_FOUND: 'nothing is served under this path',
  METHOD_NOT_ALLOWED: 'the path is known, but not with this HTTP method; the Allow header names those it takes',
  BODY_TOO_LARGE: 'the body of a request is over the limit; nothing was counted',
  MEDIA_TYPE_UNSUPPORTED: 'the body of a request is of a type or encoding that is not taken; nothing was counted',
  RATE_LIMITED: 'too many requests; nothing was counted, Retry-After says when to try again',
  EXPORT_DAMAGED: 'an export is incomplete or was changed; nothing was imported',
  EXPORT_WRONG_ROOM: 'an export belongs to another room; nothing was imported',
  TOKENS_UNUSABLE: 'the tokens cannot be read or break the form; those that were valid before stay valid',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

/** The one error class of tallymesh: `code` for programs, a sentence for people, `cause` for what lies beneath. */
export class TallymeshError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TallymeshError'
    this.code = code
  }
}
