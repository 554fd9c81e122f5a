/** JSON schemas of the API. They refuse what they do not name; nothing is converted or dropped on the way. */
const MAX = Number.MAX_SAFE_INTEGER

/** The longest key: a name and 16 labels, every character of which is escaped. */
const KEY_CHARACTERS_MAX = 20_000

const key = { type: 'string', maxLength: KEY_CHARACTERS_MAX, examples: ['orders{region="eu"}'] }
const add = {
  type: 'integer',
  minimum: -MAX,
  maximum: MAX,
  not: { const: 0 },
  description: 'How much to add; below zero to subtract.',
  examples: [5],
}
const replicas = {
  oneOf: [
    { type: 'integer', minimum: 1, maximum: 1_000 },
    { type: 'string', enum: ['majority'] },
  ],
  description: 'How many stores must hold it durably before the answer: a number, or majority. Default 1, this one.',
}
const timeoutMs = {
  type: 'integer',
  minimum: 1,
  maximum: 600_000,
  description: 'How long they may take, in ms. Default: as the server was started.',
}
/** A number, or where a number would not be exact, its digits as a string. */
const amount = { anyOf: [{ type: 'integer' }, { type: 'string', pattern: '^-?[0-9]+$' }], examples: [5] }
const sum = {
  type: 'object',
  required: ['key', 'value'],
  properties: { key, value: amount },
}
const counter = {
  type: 'object',
  required: ['key', 'value', 'increments', 'decrements'],
  properties: { key, value: amount, increments: amount, decrements: amount },
}

export const KEY_PARAMS = {
  type: 'object',
  required: ['key'],
  properties: {
    key: { ...key, description: 'The key, percent-encoded; its labels in any order.' },
  },
}
export const MEMBER_PARAMS = {
  type: 'object',
  required: ['member'],
  properties: { member: { type: 'string', description: 'A member’s name, or its store id.' } },
}
export const EMPTY_BODY = { type: 'object', additionalProperties: false, properties: {} }
export const NO_QUERY = { type: 'object', additionalProperties: false, properties: {} }
export const ADD_BODY = {
  type: 'object',
  required: ['add'],
  additionalProperties: false,
  properties: { add, replicas, timeoutMs },
}
export const BATCH_BODY = {
  type: 'array',
  minItems: 1,
  maxItems: 2_000,
  items: { type: 'object', required: ['key', 'add'], additionalProperties: false, properties: { key, add } },
}
export const BATCH_QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: { replicas, timeoutMs },
}
export const PAGE_QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    prefix: { type: 'string', description: 'Only keys that start so.' },
    after: { type: 'string', description: 'Only keys behind this one: `next` of the page before.' },
    limit: { type: 'integer', minimum: 1, maximum: 1_000, description: 'Counters on the page. Default 100.' },
  },
}
export const WATCH_QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    intervalMs: {
      type: 'integer',
      minimum: 10,
      maximum: 60_000,
      description: 'Between events, at least. Default 100.',
    },
  },
}
export const METRICS_QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: { prefix: { type: 'string', description: 'Only counters whose keys start so.' } },
}
export const AFTER_HEADERS = {
  type: 'object',
  properties: {
    'tallymesh-after': {
      type: 'string',
      description: 'Tallymesh-After of an earlier answer: this one waits until this node has seen as much.',
    },
  },
}

export const IDEMPOTENCY_HEADERS = {
  type: 'object',
  properties: {
    'idempotency-key': {
      type: 'string',
      description:
        'Names what is added: a UUID of version 7, or any other key of 1 to 64 characters. However often it is sent, and to ' +
        'whichever nodes, within the retry window, it counts once; every failure may be tried again with the same key.',
      examples: ['01936b2e-7c1a-7d3e-9f57-2b8a6c4d1e0f'],
    },
  },
}

/** Problem answers, as RFC 9457 writes them. */
const problem = {
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'detail'],
  properties: {
    type: { type: 'string', examples: ['about:blank'] },
    title: { type: 'string', examples: ['Service Unavailable'] },
    status: { type: 'integer', examples: [503] },
    code: { type: 'string', description: 'One of the codes in docs/ERRORS.md.', examples: ['NOT_READY'] },
    detail: { type: 'string', examples: ['the node is opening its data directory; nothing was counted'] },
    counted: {
      description: 'On adds: whether it was counted. Only what was not counted may be sent again.',
      anyOf: [{ type: 'boolean' }, { type: 'string', enum: ['perhaps'] }],
    },
  },
}
const PROBLEMS = {
  '4xx': described('Refused: nothing was done.', 'application/problem+json', problem),
  '5xx': described('Not ready (503), or not known in time (504).', 'application/problem+json', problem),
}

function described(description: string, type: string, schema: object) {
  return { description, content: { [type]: { schema } } }
}

/** The answers of a route: the one when all goes well, and the problems. */
function answers(status: number, description: string, schema: object, type = 'application/json') {
  return { [status]: described(description, type, schema), ...PROBLEMS }
}

export const ADD_ANSWERS = answers(
  200,
  'Counted, and durable. The header Tallymesh-After says what a read must see.',
  sum,
)
export const BATCH_ANSWERS = answers(200, 'All counted, in one commit.', { type: 'array', items: sum })
export const COUNTER_ANSWERS = answers(200, 'The counter; zeros where it was never counted.', counter)
export const PAGE_ANSWERS = answers(200, 'A page of counters, in key order.', {
  type: 'object',
  required: ['counters', 'next'],
  properties: { counters: { type: 'array', items: counter }, next: { type: 'string', nullable: true } },
})
export const WATCH_ANSWERS = answers(
  200,
  'Server-sent events: the value now, and then as it changes.',
  { type: 'string', examples: ['data: {"key":"orders","value":5}\n\n'] },
  'text/event-stream',
)
export const MEMBERS_ANSWERS = answers(200, 'The room as this node sees it, this node first.', {
  type: 'object',
  required: ['room', 'node', 'members', 'operations', 'folding'],
  properties: {
    room: { type: 'string' },
    node: { type: 'string' },
    members: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          name: { type: 'string' },
          store: { type: 'string', description: 'Names the data directory: what a member is counted by.' },
          replica: { type: 'string', nullable: true, description: 'The id that it counts under, in hexadecimal.' },
          url: { type: 'string', nullable: true },
          state: { type: 'string', enum: ['up', 'suspect', 'down'] },
          lag: { type: 'integer', description: 'Batches of this node that it has not confirmed.' },
          phi: { type: 'number', nullable: true, description: 'Suspicion; null where it is beyond measure.' },
          self: { type: 'boolean' },
        },
      },
    },
    operations: {
      type: 'object',
      description: 'Adds with an id, as this node knows them.',
      properties: {
        open: { type: 'integer', description: 'Those that are not settled.' },
        oldestMs: {
          type: 'number',
          description: 'For how long it has seen the oldest of these; 0 where there are none.',
        },
        admitted: { type: 'boolean', description: 'Whether it takes them; false also where nobody asked it to yet.' },
        waitsFor: {
          ...{ type: 'array', items: { type: 'string' } },
          description: 'Names of the members that are away, where settling or taking them waits for these.',
        },
      },
    },
    folding: {
      type: 'object',
      description: 'Replica ids under which nobody counts any more, as this node knows them.',
      properties: {
        retired: {
          type: 'array',
          description: 'The first 100 of them.',
          items: {
            type: 'object',
            properties: {
              replica: { type: 'string', description: 'In hexadecimal.' },
              state: {
                ...{ type: 'string', enum: ['retired', 'claimed', 'folding', 'folded', 'full'] },
                description: 'Folded: what turns up late of it still counts. Full: it does not fit below 2^53.',
              },
            },
          },
        },
        count: { type: 'integer', description: 'How many there are.' },
        folded: { type: 'integer', description: 'Ids of which nothing is left.' },
        waitsFor: {
          ...{ type: 'array', items: { type: 'string' } },
          description: 'Names of the members that are away, where folding waits for these.',
        },
        refused: {
          type: 'integer',
          description: 'Updates of ids folded whole that were refused: what only they held is not counted.',
        },
        missed: {
          type: 'integer',
          description: 'Ids folded whole while this node was away: what only it held of them is not counted.',
        },
      },
    },
  },
})
export const REMOVED_ANSWERS = { 204: { description: 'Removed for good.', type: 'null' }, ...PROBLEMS }
export const LEFT_ANSWERS = {
  204: { description: 'It left; what it counted stays. The server closes.', type: 'null' },
  ...PROBLEMS,
}
export const EXPORT_ANSWERS = answers(
  200,
  'A line of JSON each: a head, the slots in key order, and an end with their number and SHA-256.',
  { type: 'string' },
  'application/x-ndjson',
)
export const IMPORT_ANSWERS = answers(200, 'Merged. Slots that were known changed nothing.', {
  type: 'object',
  required: ['slots', 'changed'],
  properties: { slots: { type: 'integer' }, changed: { type: 'integer' } },
})
export const ALIVE_ANSWERS = answers(200, 'The process answers.', {
  type: 'object',
  required: ['status'],
  properties: { status: { type: 'string', enum: ['alive'] } },
})
const readiness = {
  type: 'object',
  required: ['ready', 'node', 'status', 'process'],
  properties: {
    ready: { type: 'boolean' },
    reason: {
      type: 'string',
      enum: ['opening', 'catching-up', 'lagging', 'store', 'contested', 'failed', 'draining'],
    },
    detail: { type: 'string' },
    node: { type: 'string' },
    status: { type: 'string' },
    process: { type: 'integer', description: 'The process id.' },
  },
}
export const READY_ANSWERS = {
  200: described('Send traffic here.', 'application/json', readiness),
  503: described('Send none now; the reason says why.', 'application/json', readiness),
}
export const METRICS_ANSWERS = answers(200, 'Prometheus text format.', { type: 'string' }, 'text/plain')
export const OPENAPI_ANSWERS = answers(200, 'This description.', { type: 'object', additionalProperties: true })
