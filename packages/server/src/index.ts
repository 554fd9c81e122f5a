export {
  type BalancerAddresses,
  type BalancerKind,
  findBalancer,
  renderBalancer,
  writeBalancer,
} from './cluster/balancer-files.js'
export type { ClusterOptions } from './cluster/cluster-options.js'
export { Guard } from './cluster/guard.js'
export { runCluster } from './cluster/run-cluster.js'
export { type BalancerOptions, SupervisedBalancer } from './cluster/supervised-balancer.js'
export type { NodePhase, SupervisedNode } from './cluster/supervised-node.js'
export { Supervisor, startCommand } from './cluster/supervisor.js'
export {
  describe as describeEvent,
  isError,
  type SupervisorEvent,
  type SupervisorNews,
} from './cluster/supervisor-event.js'
export type { NodeSpec, SupervisorLimits, SupervisorOptions } from './cluster/supervisor-options.js'
export type { NotReady, NotReadyReason } from './http/readiness.js'
export type { ServerOptions } from './options.js'
export type { TlsFiles } from './security/tls-files.js'
export { SCOPES, type Scope } from './security/token-lines.js'
export { type KnownToken, type TokenSources, Tokens } from './security/tokens.js'
export { startServer, TallymeshServer } from './server.js'
export { notifySystemd, startWatchdog, watchdogIntervalMs } from './systemd.js'
export { VERSION } from './version.js'
