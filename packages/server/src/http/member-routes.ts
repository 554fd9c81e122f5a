import { TallymeshError } from '@tallymesh/crdt'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { EMPTY_BODY, LEFT_ANSWERS, MEMBER_PARAMS, MEMBERS_ANSWERS, NO_QUERY, REMOVED_ANSWERS } from './schemas.js'
import { openedNode, type Serving } from './serving.js'

/** The room's members. */
export function memberRoutes(app: FastifyInstance, serving: Serving): void {
  app.get('/v1/members', {
    config: { scope: 'read' },
    schema: {
      ...{ tags: ['room'], summary: 'The members of the room' },
      ...{ querystring: NO_QUERY, response: MEMBERS_ANSWERS },
    },
    handler: () => {
      const node = openedNode(serving)
      const members = node.members().map(member => ({
        ...member,
        replica: member.replica ?? null,
        url: member.url ?? null,
        phi: Number.isFinite(member.phi) ? member.phi : null,
      }))
      const { stats } = node
      const { open, oldestMs, admitted, waitsFor } = stats.operations
      const operations = { open, oldestMs, admitted, waitsFor }
      const { states, ...folding } = stats.folding
      const count = Object.values(states).reduce((sum, ids) => sum + ids, 0)
      return Promise.resolve({
        ...{ room: node.room, node: node.name, members, operations },
        folding: { ...folding, count },
      })
    },
  })
  app.delete('/v1/members/:member', {
    config: { scope: 'admin' },
    schema: {
      ...{ tags: ['room'], summary: 'Take a member that is gone for good out of the room' },
      ...{ params: MEMBER_PARAMS, querystring: NO_QUERY, response: REMOVED_ANSWERS },
    },
    handler: async (request: FastifyRequest<{ Params: { member: string } }>, reply) => {
      const { member } = request.params
      await openedNode(serving).removeMember(member)
      serving.log.info({ member }, 'a member was removed from the room')
      return reply.code(204).send()
    },
  })
  app.post('/v1/members/:member/leave', {
    config: { scope: 'admin' },
    schema: {
      ...{ tags: ['room'], summary: 'Let this node, named so, drain, leave the room for good, and end' },
      ...{ params: MEMBER_PARAMS, querystring: NO_QUERY, body: EMPTY_BODY, response: LEFT_ANSWERS },
    },
    handler: async (request: FastifyRequest<{ Params: { member: string } }>, reply) => {
      const { member } = request.params
      const own = openedNode(serving)
        .members()
        .some(({ self, name, store }) => self && (name === member || store === member))
      if (!own) {
        const text = `this node is called ${serving.name}, not ${JSON.stringify(member)}; a node leaves when it is asked itself`
        throw new TallymeshError('MEMBER_UNKNOWN', text)
      }
      await serving.leave()
      return reply.code(204).send()
    },
  })
}
