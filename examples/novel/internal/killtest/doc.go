// Package killtest proves that a novel survives what kills its program, or what the program depends on, at any instant.
// The programs that write novels share it; each says by a [Program] where it keeps them.
//
// An author on loopback answers and counts every request, and gives each a serial number that is recorded with the answer,
// so that for every recorded answer it is known which request paid for it.
package killtest
