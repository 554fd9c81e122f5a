import { Readable } from 'node:stream'
import { TallymeshError } from '@tallymesh/crdt'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { exportText } from './export-lines.js'
import { receiveExport } from './import-file.js'
import { EXPORT_ANSWERS, IMPORT_ANSWERS, NO_QUERY } from './schemas.js'
import { openedNode, type Serving } from './serving.js'

/** Each holds a snapshot of the room in memory. */
const EXPORTS_MAX = 4
/** How long a reader of an export may read nothing. */
const STALL_MS = 60_000
const TYPE = 'application/x-ndjson'

/** Backup and restore of a live node. */
export async function transferRoutes(app: FastifyInstance, serving: Serving): Promise<void> {
  await app.register(async inner => {
    // Only here is a body taken that is not one JSON value.
    inner.addContentTypeParser([TYPE, 'application/jsonl'], (_request, payload, done) => done(null, payload))
    exportRoute(inner, serving)
    importRoute(inner, serving)
  })
}

function exportRoute(app: FastifyInstance, serving: Serving): void {
  let running = 0
  app.get('/v1/export', {
    config: { scope: 'admin' },
    exposeHeadRoute: false,
    schema: {
      ...{ tags: ['room'], summary: 'Everything that this node holds, as of one instant' },
      ...{ querystring: NO_QUERY, response: EXPORT_ANSWERS },
    },
    handler: async (_request, reply) => {
      const node = openedNode(serving)
      if (running >= EXPORTS_MAX) throw busy(`${EXPORTS_MAX} exports run already`)
      running++
      reply.raw.once('close', () => running--)
      const slots = await node.exportSlots()
      const { room, name } = node
      const at = new Date().toISOString()
      reply.raw.setTimeout(STALL_MS, () => reply.raw.destroy())
      const body = Readable.from(exportText({ room, node: name, at }, slots), { objectMode: true, highWaterMark: 1 })
      return reply.header('content-type', TYPE).header('cache-control', 'no-store').send(body)
    },
  })
}

function importRoute(app: FastifyInstance, serving: Serving): void {
  let running = false
  app.post('/v1/import', {
    config: { scope: 'admin', slowBody: true },
    schema: {
      ...{ tags: ['room'], summary: 'Merge an export into the room; doing it twice changes nothing' },
      ...{ consumes: [TYPE], querystring: NO_QUERY, response: IMPORT_ANSWERS },
    },
    handler: async (request: FastifyRequest) => {
      const node = openedNode(serving)
      if (node.refusal) throw node.refusal
      if (!(request.body instanceof Readable)) throw unsupported()
      if (running) throw busy('another import runs')
      running = true
      try {
        const received = await receiveExport(request.body, node.room, serving.limits.importBytesMax)
        try {
          const changed = await node.importSlots(received.read())
          serving.log.info({ slots: received.slots, changed }, 'an export was imported')
          return { slots: received.slots, changed }
        } finally {
          await received.dispose()
        }
      } finally {
        running = false
      }
    },
  })
}

function busy(what: string): TallymeshError {
  return new TallymeshError('RATE_LIMITED', `${what}; try again when it is done`)
}

function unsupported(): TallymeshError {
  return new TallymeshError('MEDIA_TYPE_UNSUPPORTED', `the body must be an export, sent as Content-Type: ${TYPE}`)
}
