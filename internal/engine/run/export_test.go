package run

// Poll is how a run waits for the cluster's API.
var Poll = poll
