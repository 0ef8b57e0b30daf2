package state

func child(string) {}
