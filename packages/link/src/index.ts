export {
  decodeFrame,
  encodeFrame,
  FRAME_BODY_BYTES_MAX,
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  FRAME_HELLO,
  FRAME_KIND_MAX,
  FRAME_KIND_OWNER_MIN,
  FRAME_REFUSAL,
  type Frame,
} from './frame.js'
export { HANDSHAKE_MS, judgeFirstFrame, type Verdict } from './handshake.js'
export {
  decodeHello,
  encodeHello,
  HELLO_NAME_BYTES_MAX,
  HELLO_URL_BYTES_MAX,
  HELLO_URLS_MAX,
  PROTOCOL_VERSION,
} from './hello.js'
export type { Dialing, Handshake, Hello, Link, LinkEvents } from './link.js'
export { type Channel, LinkSession, type LinkSessionOptions, QUEUE_BYTES_MAX } from './link-session.js'
export { type MemoryEnd, MemoryNetwork } from './memory-network.js'
export { type DnsSeed, MESH_PATH, meshUrl, parseDnsSeed, parsePeerUrl } from './peer-url.js'
export { decodeRefusal, encodeRefusal } from './refusal.js'
export { bearerToken, checkToken, tokenMatcher } from './token.js'
export { type FrameCount, Traffic } from './traffic.js'
export { WsAcceptor, type WsAcceptorOptions } from './ws-acceptor.js'
export { dialWs, type WsDialOptions, type WsTlsOptions } from './ws-dialer.js'
export type { WsLinkOptions } from './ws-link.js'
