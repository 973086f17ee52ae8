package nodeschema

// NoProxy validates what is reached without the proxy.
var NoProxy = noProxy{}
