// Package price knows what models cost.
//
// [Of] looks a model up in a table of list prices, whose sources and dates stand beside it (table.go). Prices change, and some
// accounts pay others: providers.Settings.Price and the price fields of dogear.yaml come before the table. What is not in the
// table is unknown, which is not free.
package price
