package main

// Main is the command, for tests that run it as a process.
var Main = main
