import type { FastifyInstance, FastifyRequest } from 'fastify'
import { MEMBER_PARAMS, MEMBERS_ANSWERS, NO_QUERY, REMOVED_ANSWERS } from './schemas.js'
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
      return Promise.resolve({ room: node.room, node: node.name, members })
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
}
