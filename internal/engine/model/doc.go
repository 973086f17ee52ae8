// Package model holds the types that the rooms of the engine share: what a user
// asks for (ClusterSpec), what was observed (Facts and Limits), what is done about
// it (Step, Stage, Plan) and what the engine needs of the outside (the ports). It
// does no I/O.
package model
