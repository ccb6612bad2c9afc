// Loaded before a broker in Node: whatever it listens on, only this machine can reach it.
// Why: neither kinesalite nor kinesis-local takes an address; both listen on every interface.

const net = require("node:net");

const listen = net.Server.prototype.listen;

net.Server.prototype.listen = function (where, ...rest) {
  const port = typeof where === "object" && where !== null ? where.port : where;
  const ready = rest.find((each) => typeof each === "function");
  return listen.call(this, { port: Number(port), host: "127.0.0.1" }, ready);
};
