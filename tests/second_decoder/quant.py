def decode(*a): raise NotImplementedError
