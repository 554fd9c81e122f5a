export { freePort } from '#demo/ports.js'
