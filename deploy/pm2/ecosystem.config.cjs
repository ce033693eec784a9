// PM2 keeps the service running, and replaces its processes without losing a request:
//   pm2 start deploy/pm2/ecosystem.config.cjs
//   pm2 reload port-binding-service
const path = require('node:path');

module.exports = {
  apps: [
    {
      name: 'port-binding-service',
      cwd: path.join(__dirname, '../..'),
      script: 'dist/main.js',
      node_args: '--enable-source-maps',
      env: { NODE_ENV: 'production' },

      // All processes share one port, and a reload starts each successor first. Behind a balancer, use fork mode instead
      // (`exec_mode: 'fork'`): every process has a port of its own (`increment_var: 'PORT'`), and the balancer checks
      // /health/ready. Then reload one process at a time, by the name of the service. With the name of this file, PM2 would
      // give the first port to all:
      //   pm2 reload --parallel 1 port-binding-service
      //
      // PM2 goes on as soon as a process listens. So the balancer must add one sooner than it removes the next one. For
      // HAProxy, that is `inter 500ms fall 7 rise 1`, with a DRAIN_DELAY_MS of 6000.
      exec_mode: 'cluster',
      instances: 2,

      // A new process is ready when it says so, within this time.
      wait_ready: true,
      listen_timeout: 30_000,

      // When PM2 kills: after the shutdown timeout (SHUTDOWN_TIMEOUT_MS, 9 s), and 3 s for a busy host.
      kill_timeout: 12_000,
    },
  ],
};
