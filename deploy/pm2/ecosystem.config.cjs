// PM2 keeps the service running, and replaces its processes. Behind a balancer, in fork mode, a reload loses no request:
//   pm2 start deploy/pm2/ecosystem.config.cjs
//   pm2 reload deploy/pm2/ecosystem.config.cjs
const path = require('node:path');

module.exports = {
  apps: [
    {
      name: 'port-binding-service',
      cwd: path.join(__dirname, '../..'),
      script: 'dist/main.js',
      node_args: '--enable-source-maps',
      env: { NODE_ENV: 'production' },

      // All processes share one port, and a reload starts each successor first. Under load, Node's cluster module may
      // reset a connection that it hands over meanwhile. To lose none, use fork mode (`exec_mode: 'fork'`): every
      // process has a port of its own (`increment_var: 'PORT'`), and a balancer in front checks /health/ready. Then reload
      // one process at a time: pm2 reload --parallel 1 deploy/pm2/ecosystem.config.cjs
      //
      // PM2 goes on as soon as a process listens. So the balancer must add one sooner than it removes the next one. For
      // HAProxy, that is `inter 500ms fall 5 rise 1`, with a DRAIN_DELAY_MS of 6000.
      exec_mode: 'cluster',
      instances: 2,

      // A new process is ready when it says so, within this time.
      wait_ready: true,
      listen_timeout: 30_000,

      // PM2 would send SIGINT, which is Ctrl-C: no drain delay. With this the service drains as on SIGTERM.
      shutdown_with_message: true,
      // When PM2 kills: after the shutdown timeout (SHUTDOWN_TIMEOUT_MS, 9 s), and 3 s for a busy host.
      kill_timeout: 12_000,
    },
  ],
};
