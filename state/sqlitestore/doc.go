// Package sqlitestore keeps many runs in one SQLite database.
package sqlitestore
